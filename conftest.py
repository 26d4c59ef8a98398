"""Loads the plugin that makes every page a test, wherever in the project pytest is started."""

import os

import torch

from tests.book.shapes import check_lightly

check_lightly()
# Models of this size lose more by sharing the work among threads than they gain.
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
pytest_plugins = ["tests.book.literate", "pytester"]
