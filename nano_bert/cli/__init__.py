"""The command `nano-bert`: `arguments` has its words and options, `commands` does what they say.

At the `border` everything that can happen becomes a sentence; `choices` has what the help names.
"""
