"""From clear to fast: parts that give the same numbers with less work (chapter 14).

fused          all heads of a layer in one matrix product; where only [CLS] is read, the last layer answers there alone
fusible        which models can be fused, and which would lose something
packing        the tokens of all texts one below the other, and no padding between them
distributed    one training, shared out among copies of the program
data_parallel  how they learn from one batch, and take the step that one would take
hardware       where the numbers are kept and computed, and in how many bits
"""
