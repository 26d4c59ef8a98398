"""The experiments of the book: settings that have a name, and the records of what came out.

recipes            named settings that anybody can train again
records            recipes with several seeds, beside the baselines
few_labels         what pretraining brings with few labels
published_weights  where a fine-tuning begins that does not begin at random
repeated           texts that stand in a corpus more than once
"""
