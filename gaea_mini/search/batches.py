"""Shuffled, cropped and flipped batches, whole batches at a time on the device."""

from collections.abc import Iterator

import torch
from torch import Tensor

from gaea_mini.search.budget import Budget
from gaea_mini.search.distributed import ALONE, Ranks


class Batches:
    """Every ``iter`` is one epoch in a new order; a last short batch is left out.

    Args:
      x: pictures (N, H, W, C), float.
      y: labels (N,).
      budget: batch size, crop and flip.
      generator: on the CPU; the only source of randomness.
      ranks: which part of each batch this process is given.
    """

    def __init__(
        self,
        x: Tensor,
        y: Tensor,
        budget: Budget,
        generator: torch.Generator,
        ranks: Ranks = ALONE,
    ):
        pad = (0, 0, budget.crop, budget.crop, budget.crop, budget.crop)
        self.padded = torch.nn.functional.pad(x, pad)
        self.y, self.budget, self.generator = y, budget, generator
        self.size, self.part = x.shape[1], ranks.part

    def __len__(self) -> int:
        return len(self.y) // self.budget.batch

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.randperm(len(self.y), generator=self.generator)
        for chosen in order.split(self.budget.batch)[: len(self)]:
            yield self._take(chosen)

    def plain(self, draws: torch.Generator) -> tuple[Tensor, Tensor]:
        """One batch without crop and flip, chosen by another generator."""
        return self._inner(torch.randperm(len(self.y), generator=draws))

    def first(self) -> tuple[Tensor, Tensor]:
        """The batch at the front, without crop and flip: always the same."""
        return self._inner(torch.arange(len(self.y)))

    def _inner(self, order: Tensor) -> tuple[Tensor, Tensor]:
        chosen = order[: self.budget.batch].to(self.y.device)
        inner = slice(self.budget.crop, self.budget.crop + self.size)
        pictures = self.padded[chosen][:, inner, inner]
        return pictures.permute(0, 3, 1, 2), self.y[chosen]

    def _take(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures (B, C, H, W), channels last in memory, and labels (B,)."""
        count, crop, device = len(chosen), self.budget.crop, self.y.device
        shifts = torch.randint(2 * crop + 1, (2, count, 1), generator=self.generator)
        along = torch.arange(self.size)
        rows, columns = shifts + along  # (B, H), (B, W)
        if self.budget.flip:
            flips = torch.rand(count, 1, generator=self.generator) < 0.5
            columns = torch.where(flips, columns.flip(1), columns)
        # Drawn for the whole batch, whatever part of it this process takes.
        chosen, rows, columns = (p[self.part] for p in (chosen, rows, columns))
        index = (chosen[:, None, None], rows[:, :, None], columns[:, None, :])
        pictures = self.padded[tuple(part.to(device) for part in index)]
        return pictures.permute(0, 3, 1, 2), self.y[chosen.to(device)]
