"""How a model learns, and how well (chapters 11 and 12).

loop            what every training does, whatever there is to learn
classification  training with labels
distillation    a small model learns what a large one thinks
pretraining     training without: words are hidden, and guessed
masking         which words are hidden
neighbours      heads that begin by looking at the words beside each word
halves          which second half of a text belongs to which first
sentence_pairs  which second sentence follows, and which was drawn at random
batches         texts of like length go together
check_input     what cannot be learnt from is told before the first step
optimizer       one step of learning, and how large it is
run, resume     how far a training has come, and how it goes on after a break
run_folder      nothing in a folder is written over
state_check     what a state must hold
evaluation      how often a model is right, and in what way it is wrong
significance    two models answered the same texts: is one better, or was it luck?
baselines       what one gets without a transformer
"""

from nano_bert.training.classification import train
from nano_bert.training.masking import Masking
from nano_bert.training.optimizer import TrainingConfig
from nano_bert.training.pretraining import pretrain
from nano_bert.training.run import Run

__all__ = ["Masking", "Run", "TrainingConfig", "pretrain", "train"]
