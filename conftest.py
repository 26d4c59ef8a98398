"""Loads the plugin that makes every page a test, wherever in the project pytest is started."""

pytest_plugins = ["tests.literate", "pytester"]
