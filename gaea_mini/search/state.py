"""Everything that changes during a search, in one place, so that it can be saved."""

import math
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gaea_mini.data import Pictures
from gaea_mini.errors import InputError, require_whole
from gaea_mini.search.active_set import ActiveSet
from gaea_mini.search.batches import Batches
from gaea_mini.search.budget import Budget
from gaea_mini.search.distributed import ALONE, Ranks
from gaea_mini.search.method import Method
from gaea_mini.search.precision import Precision
from gaea_mini.search.relaxation import Weights
from gaea_mini.search.speed import EXACT, Speed, compiled
from gaea_mini.search.update import Frozen
from gaea_mini.supernet import Space, build_supernet
from gaea_mini.supernet.base import Active


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
        speed: Speed = EXACT,
        ranks: Ranks = ALONE,
    ):
        require_whole("seed", seed, 0)
        side = (budget.size, budget.size)
        if data.x.shape[1:3] != side or budget.pictures not in (None, len(data.x)):
            raise InputError(
                f"there are {len(data.x)} pictures of {data.x.shape[1]}x"
                f"{data.x.shape[2]} pixels, but the budget says {budget.pictures} of "
                f"{side[0]}x{side[1]}; load them with the budget's size and pictures"
            )
        self.warm_up = budget.part(method.warm_up)
        if self.warm_up >= budget.epochs and not isinstance(method.update, Frozen):
            raise InputError(
                f"{method.name}: a warm-up of {self.warm_up} epochs leaves none of "
                f"the {budget.epochs} for theta; take a shorter one or more epochs"
            )
        speed.check(method, form)
        ranks.check(method.name, budget.batch)
        self.ranks = ranks
        self.precision = Precision(speed.precision, device)
        self.active_set = ActiveSet(speed.skip_below, space.shape)
        self.method, self.budget, self.space = method, budget, space
        names = ("network", "parameters", "split", "theta", "weights", "samples")
        seeds = np.random.SeedSequence(seed).generate_state(len(names))
        draws = {
            name: torch.Generator().manual_seed(int(number))
            for name, number in zip(names, seeds, strict=True)
        }
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(seeds[0]))
            size = data.x.shape[-1], data.classes, budget.channels, budget.cells
            partial = method.relaxation.partial
            try:
                network = build_supernet(space, *size, form, partial=partial)
            except (RuntimeError, MemoryError, OverflowError) as error:
                reason = str(error).partition("\n")[0] or type(error).__name__
                raise InputError(
                    f"no supernet of {size[2]} channels and {size[3]} cells can be "
                    f"built here ({reason}); take fewer channels"
                ) from None
        # Channels last in memory: the fast cell's split and sums need no copies.
        self.network = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.forward: Any = self.network
        if speed.compile:
            self.forward = compiled(self.network, device, speed.graphs)
        self.weights = list(self.network.parameters())
        self.weight_optimizer = torch.optim.SGD(
            self.weights,
            budget.lr_w,
            momentum=budget.momentum,
            weight_decay=budget.weight_decay,
        )
        start = method.relaxation.start(space, method.update, draws["parameters"])
        self.parameters = [p.to(device).requires_grad_() for p in start]
        self.draws = draws["samples"]
        self.epoch = self.step = 0  # the step is counted within the epoch
        self.progress = 0.0  # part of the search that is done, for temperatures
        self.memory: dict[str, float] = {}  # what a relaxation wants to remember
        self.theta_optimizer = method.update.optimizer(self.parameters)

        x = torch.as_tensor(data.x, device=device)
        y = torch.as_tensor(data.y, dtype=torch.long, device=device)
        held_out = round(len(x) * budget.held_out)
        self.held_out = (x[:held_out], y[:held_out])
        x, y = x[held_out:], y[held_out:]
        parts = method.objective.split(len(x), draws["split"])
        # A batch norm cannot standardise one pixel of one picture.
        most = min(map(len, parts))
        if most < budget.batch or min(held_out, budget.batch) < 2:
            raise InputError(
                f"{len(data.x)} pictures, {held_out} of them held out, do not make "
                f"batches of {budget.batch}; give more pictures"
                + (f" or a batch of 2 to {most}" if min(held_out, most) > 1 else "")
            )
        self.theta_batches, self.weight_batches = (
            Batches(x[part], y[part], budget, draws[name], ranks)
            for name, part in zip(("theta", "weights"), parts, strict=True)
        )

    def streams(self) -> tuple[Iterator[Any], Iterator[Any]]:
        """One epoch of theta's batches and one of the weights', freshly shuffled.

        Those before the present step are drawn and left out: a checkpoint from within
        an epoch goes on there.
        """
        theta, weights = self.theta_batches, self.weight_batches
        return islice(theta, self.step, None), islice(weights, self.step, None)

    def sample(self, perturbation: float = 0.0) -> Weights:
        """Fresh weights for one forward pass: a mixture, or a sample."""
        return self.method.relaxation.sample(self, perturbation)

    def sample_for_weights(self) -> Weights:
        """Weights for a weight step: cut off from theta, and perturbed if asked for."""
        return self.sample(self.method.perturbation * self.progress).detached()

    def loss(self, batch: tuple[Tensor, Tensor], weights: Weights) -> Tensor:
        """Cross-entropy of the supernet on a batch under these weights."""
        pictures, labels = batch
        return F.cross_entropy(self.scores(pictures, weights, self.forward), labels)

    def scores(self, pictures: Tensor, weights: Weights, by: Any = None) -> Tensor:
        """Logits (B, classes) of pictures (B, C, H, W), in the precision asked for.

        ``by`` the supernet, or what stands for it: only the loss is worth compiling,
        because its pictures are as many each time.
        """
        with self.precision.autocast():
            scores = (self.network if by is None else by)(pictures, *weights)
        return scores if self.precision.dtype is None else scores.float()

    def gradients(self, loss: Tensor, inputs: list[Tensor]) -> tuple[Tensor, ...]:
        """Gradients for ``descend_theta`` and ``descend_weights``.

        They are 0 for what took no part (operations that were not drawn), and times
        the scale of float16, which the steps divide by; means over all processes.
        """
        return self.ranks.mean(
            torch.autograd.grad(
                self.precision.scale(loss),
                inputs,
                allow_unused=True,
                materialize_grads=True,
            )
        )

    @torch.no_grad()
    def theta(self, with_edges: bool = False) -> np.ndarray:
        """A copy of theta (K, E, O), float64 with rows that sum to 1.

        ``with_edges`` multiplies each row by the weight of its edge.
        """
        theta = self.method.relaxation.theta(self.parameters).double()
        theta = theta / theta.sum(-1, keepdim=True)
        if with_edges:
            edges = self.method.relaxation.edges(self.parameters)
            theta = self.space.weigh(theta, [beta.double() for beta in edges])
        return theta.cpu().numpy().copy()

    @torch.no_grad()
    def edges(self) -> list[list[float]] | None:
        """Edge weights (K, E) for the record; None if they are not learned."""
        if not self.method.relaxation.edges(self.parameters):
            return None
        return self.theta(with_edges=True).sum(axis=-1).round(5).tolist()

    def scoring_batch(self) -> tuple[Tensor, Tensor]:
        """One batch of theta's pictures, neither cropped nor flipped."""
        return self.theta_batches.plain(self.draws)

    def theta_rests(self) -> bool:
        """Whether theta is not moved now: never (RS-WS), or not yet (warm-up)."""
        frozen = isinstance(self.method.update, Frozen)
        return frozen or self.epoch < self.warm_up

    def descend_theta(self, gradients: tuple[Tensor, ...]) -> None:
        """One step of theta's optimizer with these gradients and no others."""
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient
        self.precision.unscale(self.theta_optimizer)
        self.precision.step(self.theta_optimizer)

    def descend_weights(self, gradients: tuple[Tensor, ...]) -> None:
        """Clip the gradients, then take one SGD step."""
        for weight, gradient in zip(self.weights, gradients, strict=True):
            weight.grad = gradient
        self.precision.unscale(self.weight_optimizer)
        torch.nn.utils.clip_grad_norm_(self.weights, self.budget.clip)
        self.precision.step(self.weight_optimizer)

    def begin(self, epoch: int) -> None:
        """Set what depends on the epoch (from 0): learning rate, temperature, warm-up.

        The learning rate is a cosine from lr_w to lr_w_min over ``schedule_epochs``.
        """
        budget = self.budget
        self.epoch, self.step = epoch, 0
        self.progress = epoch / max(budget.epochs - 1, 1)
        wave = (1 + math.cos(math.pi * epoch / budget.schedule_epochs)) / 2
        for group in self.weight_optimizer.param_groups:
            group["lr"] = budget.lr_w_min + (budget.lr_w - budget.lr_w_min) * wave

    @torch.no_grad()
    def accuracy(self, theta: np.ndarray, active: list[Active] | None = None) -> float:
        """Percent of the held-out pictures that the supernet gets right under theta.

        ``active`` names the operations to compute, if the others have weight 0.
        """
        weights = torch.as_tensor(
            theta, dtype=torch.float32, device=self.parameters[0].device
        )
        right = 0
        # Batch norm uses the statistics of the batch, so batches are large and fixed;
        # one picture has none, so a single last one goes with those before it.
        cuts = tuple(range(250, len(self.held_out[1]) - 1, 250))
        parts = (part.tensor_split(cuts)[self.ranks.part] for part in self.held_out)
        for x, y in zip(*parts, strict=True):
            pictures = x.permute(0, 3, 1, 2)  # (B, C, H, W), channels last in memory
            scores = self.scores(pictures, Weights(weights, active))
            right += (scores.argmax(1) == y).sum().item()
        return 100 * self.ranks.total(right, weights.device) / len(self.held_out[1])

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed search needs: tensors, numbers and strings only."""
        return {
            "network": self.network.state_dict(),
            "parameters": [p.detach() for p in self.parameters],
            "samples_generator": self.draws.get_state(),
            "memory": dict(self.memory),
            "precision": self.precision.state_dict(),
            "weight_optimizer": self.weight_optimizer.state_dict(),
            "theta_optimizer": self.theta_optimizer.state_dict(),
            "theta_generator": self.theta_batches.generator.get_state(),
            "weight_generator": self.weight_batches.generator.get_state(),
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Continue from ``state_dict``."""
        self.network.load_state_dict(saved["network"])
        for parameter, value in zip(self.parameters, saved["parameters"], strict=True):
            parameter.detach().copy_(value)
        self.draws.set_state(saved["samples_generator"].cpu())
        self.memory = dict(saved["memory"])
        self.precision.load_state_dict(saved.get("precision", {}))
        self.weight_optimizer.load_state_dict(saved["weight_optimizer"])
        self.theta_optimizer.load_state_dict(saved["theta_optimizer"])
        self.theta_batches.generator.set_state(saved["theta_generator"].cpu())
        self.weight_batches.generator.set_state(saved["weight_generator"].cpu())
