"""The pictures of the book: each draws one idea, from the numbers that it is given.

Each function makes a figure of its own and returns its axes; in a REPL, `matplotlib.pyplot.show()` opens the window.
"""

from nano_bert.pictures.arrows import draw_arrows, draw_mixture
from nano_bert.pictures.bends import draw_bends
from nano_bert.pictures.heads import draw_head, draw_joined_heads, draw_mask
from nano_bert.pictures.layer import draw_layer, draw_stream
from nano_bert.pictures.model_map import draw_map
from nano_bert.pictures.ribbons import draw_ribbons
from nano_bert.pictures.shares import draw_shares
from nano_bert.pictures.spheres import draw_circle, draw_sphere
from nano_bert.pictures.words import draw_batch, draw_look_up

__all__ = [
    "draw_arrows",
    "draw_batch",
    "draw_bends",
    "draw_circle",
    "draw_head",
    "draw_joined_heads",
    "draw_layer",
    "draw_look_up",
    "draw_map",
    "draw_mask",
    "draw_mixture",
    "draw_ribbons",
    "draw_shares",
    "draw_sphere",
    "draw_stream",
]
