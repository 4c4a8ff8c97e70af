"""gaea_mini: weight-sharing neural architecture search, small enough to read.

The package has five rooms. Data flows one way, from left to right, and a room
imports only from rooms to its left:

    simplex -> supernet -> search -> evaluate -> show

* ``gaea_mini.simplex``: geometry of the probability simplex and the steps that move
  a point on it. NumPy only.
* ``gaea_mini.supernet``: operations, search spaces, the mixed cell and the network
  ``supernet(x, theta)``, which takes the architecture weights as an argument.
* ``gaea_mini.search``: methods as a choice of parts, the search loop, the record of
  a run.
* ``gaea_mini.evaluate``: what a found cell is really worth.
* ``gaea_mini.show``: plots, the widgets and pages. It reads records only.

Beside the rooms stand ``gaea_mini.data`` (pictures), ``gaea_mini.errors`` and the
command line, ``python -m gaea_mini --help``.

``import gaea_mini`` does not import torch. Neither does ``gaea_mini.simplex``.
"""

__version__ = "0.1.0"
