"""Models in folders: saved, opened, and refused where they are not what they should be (chapter 9).

checkpoint       a model in a folder: written, read, and fitted to a class
weight_names     what the Hugging Face libraries call each part and setting, and what we call it
hub              where a folder is: here, or on the Hugging Face hub
tokenizer_files  the vocabulary and the settings of a WordPiece tokenizer
tokenizer_json   the one file in which newer versions keep both
tensors          weights on disk, read by their table of contents
safe_files       files: read within bounds, never half-written
"""

from nano_bert.pretrained.checkpoint import Checkpoint, load_checkpoint, save_checkpoint

__all__ = ["Checkpoint", "load_checkpoint", "save_checkpoint"]
