"""The exercises that are written into a file: what each asks for, and the probe that looks at it.

An exercise is judged as a rung is: the reader's function and ours get the same inputs, and the first thing that differs
is named. What is asked for stands in the exercise.
"""

from nano_bert.check.rungs import Rung

# The number of an exercise, the functions that it asks for, and the probe.
TABLE = (
    ("1.3", "bag_score"),
    ("2.4", "encode"),
    ("3.4", "embed"),
    ("4.4", "attention"),
    ("5.4", "attention"),
    ("6.4", "many_heads"),
    ("6.5", "all_heads"),
    ("7.4", "layer_norm"),
    ("8.4", "masked_mean"),
    ("8.5", "count_parameters"),
    ("9.4", "our_names"),
    ("10.4", "cut"),
    ("10.5", "learn"),
    ("11.4", "hide"),
    ("12.4", "accuracy_by"),
    ("12.5", "train_epoch"),
    ("13.3", "spearman"),
    ("13.4", "without_head"),
    ("14.3", "attention_by_pieces"),
)

EXERCISES = {
    number: Rung(
        0,
        number,
        int(number.partition(".")[0]),
        (function,),
        f"probes_exercises.{'hidden_attention' if number == '5.4' else function}"
        if int(number.partition(".")[0]) < 9
        else f"probes_later.{function}",
        seeds=4,
    )
    for number, function in TABLE
}
