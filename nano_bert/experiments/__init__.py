"""The experiments of the book: settings that have a name, and the records of what came out.

recipes            named settings that anybody can train again
records            recipes with several seeds, beside the baselines
reading            what a small BERT learns from reviews without labels
few_labels         what pretraining brings with few labels
starts             heads that begin by looking at their neighbours, and heads that do not
distilled          what a small model is given by a large one while it learns
published_weights  where a fine-tuning begins that does not begin at random
repeated           texts that stand in a corpus more than once
"""
