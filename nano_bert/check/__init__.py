"""Write it yourself: a BERT that grows under the reader's hands, and a grader that names the mistake.

`my_bert` is the file as it stands at the end; the reader starts from the same file without its bodies (`start`). Each
rung of the ladder (`rungs`) looks at one part with some probes, the reader's beside ours; where they differ, the usual
`mistakes` are made on purpose until one gives the same numbers (`judge`). All of it runs in a process of its own
(`sandbox`), for a reader's file may do anything.
"""
