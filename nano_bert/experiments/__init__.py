"""The experiments of the book: settings that have a name, and the records of what came out.

recipes            named settings that anybody can train again
records            recipes with several seeds, beside the baselines
few_labels         what pretraining brings with few labels
published_weights  published weights, fine-tuned on a part of IMDB
"""
