"""What a cell is really worth: looked up here, trained alone in a later chapter."""

from gaea_mini.evaluate.nasbench201 import NasBench201

__all__ = ["NasBench201"]
