"""The command `nano-bert`: `arguments` has its words and options, `commands` does what they say."""
