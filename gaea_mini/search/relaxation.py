"""Relaxations: how architecture parameters become the supernet's mixture weights."""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from gaea_mini.errors import InputError

Geometry = Literal["logits", "simplex"]


@dataclass(frozen=True)
class Mixture:
    r"""Every operation takes part, weighted by theta (DARTS).

    With ``on="logits"`` the parameters are alpha and theta = softmax(alpha), row by
    row. With ``on="simplex"`` the parameters are theta itself: no softmax anywhere.
    """

    on: Geometry = "logits"

    def __post_init__(self) -> None:
        if self.on not in get_args(Geometry):
            raise InputError(
                f"Mixture(on={self.on!r}): take {' or '.join(get_args(Geometry))}"
            )

    def __call__(self, parameters: Tensor) -> Tensor:
        """Theta (K, E, O), rows on the simplex, differentiable in ``parameters``."""
        if self.on == "logits":
            return torch.softmax(parameters, dim=-1)
        return parameters
