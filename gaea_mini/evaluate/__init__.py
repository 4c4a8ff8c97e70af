"""What a cell is really worth: trained alone, or looked up."""

from gaea_mini.evaluate.alone import train_alone
from gaea_mini.evaluate.classes import classes, network_class
from gaea_mini.evaluate.keeping import Training
from gaea_mini.evaluate.nasbench201 import NasBench201
from gaea_mini.evaluate.networks import build_network, count
from gaea_mini.evaluate.signal import Components, Order, components, order_of_best
from gaea_mini.evaluate.trained import TrainedTable, load_table
from gaea_mini.evaluate.training import TRAININGS, TrainingRecipe
from gaea_mini.evaluate.workers import side_by_side

__all__ = [
    "TRAININGS",
    "Components",
    "NasBench201",
    "Order",
    "TrainedTable",
    "Training",
    "TrainingRecipe",
    "build_network",
    "classes",
    "components",
    "count",
    "load_table",
    "network_class",
    "order_of_best",
    "side_by_side",
    "train_alone",
]
