"""Loads the plugin that makes every page a test, wherever in the project pytest is started."""

import torch

from tests.book.shapes import check_lightly

check_lightly()
torch.set_num_threads(1)  # models of this size lose more by sharing the work than they gain
pytest_plugins = ["tests.book.literate", "pytester"]
