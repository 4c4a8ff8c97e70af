"""The supernet: operations, search spaces, the mixed cell and the network around it.

A supernet is a function ``supernet(x, theta)``. Who owns theta and how it moves is
none of its business.
"""

from gaea_mini.supernet.alone import AloneNetwork, count_parameters
from gaea_mini.supernet.darts_network import DartsSupernet
from gaea_mini.supernet.darts_space import DartsSpace
from gaea_mini.supernet.fast import FastCell
from gaea_mini.supernet.genotypes import GENOTYPES, Published
from gaea_mini.supernet.network import Supernet, build_supernet
from gaea_mini.supernet.node_cell import NodeSupernet
from gaea_mini.supernet.node_space import NodeSpace
from gaea_mini.supernet.operations import OPERATIONS
from gaea_mini.supernet.reference import ReferenceCell
from gaea_mini.supernet.spaces import SPACES, CellSpace, Space, space

__all__ = [
    "GENOTYPES",
    "OPERATIONS",
    "SPACES",
    "AloneNetwork",
    "CellSpace",
    "DartsSpace",
    "DartsSupernet",
    "FastCell",
    "NodeSpace",
    "NodeSupernet",
    "Published",
    "ReferenceCell",
    "Space",
    "Supernet",
    "build_supernet",
    "count_parameters",
    "space",
]
