"""Everything that changes during a search, in one place, so that it can be saved."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gaea_mini.data import Pictures
from gaea_mini.errors import InputError
from gaea_mini.search.batches import Batches
from gaea_mini.search.budget import Budget
from gaea_mini.search.method import Method
from gaea_mini.supernet import Space, build_supernet


class State:
    """A supernet, architecture parameters, their optimizers, and the streams of data.

    All randomness comes from ``seed``, through one generator for each purpose.
    """

    def __init__(
        self,
        space: Space,
        data: Pictures,
        method: Method,
        budget: Budget,
        seed: int,
        device: torch.device,
        form: str = "fast",
    ):
        if seed < 0:
            raise InputError(f"seed is {seed}; it must be 0 or more")
        side = (budget.size, budget.size)
        if data.x.shape[1:3] != side or budget.pictures not in (None, len(data.x)):
            raise InputError(
                f"there are {len(data.x)} pictures of {data.x.shape[1]}x"
                f"{data.x.shape[2]} pixels, but the budget says {budget.pictures} of "
                f"{side[0]}x{side[1]}; load them with the budget's size and pictures"
            )
        self.method, self.budget, self.space = method, budget, space
        names = ("network", "parameters", "split", "theta", "weights")
        seeds = np.random.SeedSequence(seed).generate_state(len(names))
        draws = {
            name: torch.Generator().manual_seed(int(number))
            for name, number in zip(names, seeds, strict=True)
        }
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(seeds[0]))
            network = build_supernet(
                space,
                data.x.shape[-1],
                data.classes,
                budget.channels,
                budget.cells,
                form,
            )
        # Channels last in memory: the fast cell's split and sums need no copies.
        self.network = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.weights = list(self.network.parameters())
        self.weight_optimizer = torch.optim.SGD(
            self.weights,
            budget.lr_w,
            momentum=budget.momentum,
            weight_decay=budget.weight_decay,
        )
        start = method.update.start(space.shape, draws["parameters"])
        self.parameters = start.to(device).requires_grad_()
        self.theta_optimizer = method.update.optimizer(self.parameters)

        x = torch.as_tensor(data.x, device=device)
        y = torch.as_tensor(data.y, dtype=torch.long, device=device)
        held_out = round(len(x) * budget.held_out)
        self.held_out = (x[:held_out], y[:held_out])
        x, y = x[held_out:], y[held_out:]
        parts = method.objective.split(len(x), draws["split"])
        # A batch norm cannot standardise one pixel of one picture.
        if min(*map(len, parts)) < budget.batch or min(held_out, budget.batch) < 2:
            raise InputError(
                f"{len(data.x)} pictures, {held_out} of them held out, do not make "
                f"batches of {budget.batch}; give more pictures or a batch of 2 or more"
            )
        self.theta_batches, self.weight_batches = (
            Batches(x[part], y[part], budget, draws[name])
            for name, part in zip(("theta", "weights"), parts, strict=True)
        )

    def streams(self) -> tuple[Iterator[Any], Iterator[Any]]:
        """One epoch of theta's batches and one of the weights', freshly shuffled."""
        return iter(self.theta_batches), iter(self.weight_batches)

    def theta(self) -> np.ndarray:
        """A copy of theta (K, E, O), float64 with rows that sum to 1."""
        with torch.no_grad():
            theta = self.method.relaxation(self.parameters).double()
            return (theta / theta.sum(-1, keepdim=True)).cpu().numpy().copy()

    def descend_weights(self, gradients: tuple[Tensor, ...]) -> None:
        """Clip the gradients, then take one SGD step."""
        for weight, gradient in zip(self.weights, gradients, strict=True):
            weight.grad = gradient
        torch.nn.utils.clip_grad_norm_(self.weights, self.budget.clip)
        self.weight_optimizer.step()

    def set_learning_rate(self, epoch: int) -> None:
        """Cosine from lr_w to lr_w_min over ``schedule_epochs``."""
        budget = self.budget
        wave = (1 + math.cos(math.pi * epoch / budget.schedule_epochs)) / 2
        for group in self.weight_optimizer.param_groups:
            group["lr"] = budget.lr_w_min + (budget.lr_w - budget.lr_w_min) * wave

    @torch.no_grad()
    def accuracy(self, theta: np.ndarray) -> float:
        """Percent of the held-out pictures that the supernet gets right under theta."""
        weights = torch.as_tensor(
            theta, dtype=torch.float32, device=self.parameters.device
        )
        right = 0
        # Batch norm uses the statistics of the batch, so batches are large and fixed.
        for x, y in zip(*(part.split(250) for part in self.held_out), strict=True):
            pictures = x.permute(0, 3, 1, 2)  # (B, C, H, W), channels last in memory
            right += (self.network(pictures, weights).argmax(1) == y).sum().item()
        return 100 * right / len(self.held_out[1])

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed search needs: tensors, numbers and strings only."""
        return {
            "network": self.network.state_dict(),
            "parameters": self.parameters.detach(),
            "weight_optimizer": self.weight_optimizer.state_dict(),
            "theta_optimizer": self.theta_optimizer.state_dict(),
            "theta_generator": self.theta_batches.generator.get_state(),
            "weight_generator": self.weight_batches.generator.get_state(),
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Continue from ``state_dict``."""
        self.network.load_state_dict(saved["network"])
        with torch.no_grad():
            self.parameters.copy_(saved["parameters"])
        self.weight_optimizer.load_state_dict(saved["weight_optimizer"])
        self.theta_optimizer.load_state_dict(saved["theta_optimizer"])
        self.theta_batches.generator.set_state(saved["theta_generator"].cpu())
        self.weight_batches.generator.set_state(saved["weight_generator"].cpu())
