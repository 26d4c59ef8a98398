"""The exercises that are written into a file: what each asks for, and the probe that looks at it.

An exercise is judged as a rung is: the reader's function and ours get the same inputs, and the first thing that differs
is named. What is asked for stands in the exercise.
"""

from nano_bert.check.rungs import Rung

# The pages between two chapters, by the chapter before them.
BETWEEN = {"depth": 8, "halves": 11, "measuring": 11, "distillation": 12}

# The number of an exercise, and the function that it asks for.
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
    ("depth.1", "transformer_layer"),
    ("9.4", "our_names"),
    ("10.4", "cut"),
    ("10.5", "learn"),
    ("11.4", "hide"),
    ("halves.3", "loss_of_halves"),
    ("measuring.3", "f1"),
    ("12.4", "accuracy_by"),
    ("12.5", "train_epoch"),
    ("distillation.3", "soft_loss"),
    ("13.3", "spearman"),
    ("13.4", "without_head"),
    ("14.3", "attention_by_pieces"),
)


def exercise(number: str, function: str) -> Rung:
    """Return what judges an exercise."""
    page = number.partition(".")[0]
    chapter = BETWEEN[page] if page in BETWEEN else int(page)
    probe = "hidden_attention" if number == "5.4" else function
    return Rung(0, number, chapter, (function,), f"probes_{'exercises' if chapter < 9 else 'later'}.{probe}", seeds=4)


EXERCISES = {number: exercise(number, function) for number, function in TABLE}
