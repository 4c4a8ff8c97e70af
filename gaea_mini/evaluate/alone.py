"""Stand-alone training: any cell of any space, weights from scratch.

What is measured is what the cell is worth: accuracy with weights of its own, and with
running statistics in the batch norms.
"""

import hashlib
import math
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gaea_mini.data import Pictures
from gaea_mini.errors import InputError, require_whole
from gaea_mini.evaluate.networks import build_network, count
from gaea_mini.evaluate.training import TrainingRecipe
from gaea_mini.files import require_writable
from gaea_mini.search import Budget, keeper
from gaea_mini.search.batches import Batches
from gaea_mini.search.precision import device_named
from gaea_mini.search.run import environment
from gaea_mini.supernet import AloneNetwork, Space


@dataclass
class Training:
    """What happened in a training, epoch by epoch.

    Attributes:
      config: space, genotype, data, seed and everything the recipe sets.
      parameters: numbers to train, without an auxiliary head.
      flops: multiply-adds for one picture, forward.
      loss: mean over each epoch, of the main head alone.
      val, test: percent of held-out and test pictures after each epoch; None where it
        was not measured or nothing is held out.
      seconds: since the start, training only: of the processor, so that with one thread
        a busy machine does not count; of the clock on a GPU.
      environment: versions, device, threads, commit.
    """

    config: dict[str, Any]
    parameters: int
    flops: int
    loss: list[float] = field(default_factory=list)
    val: list[float | None] = field(default_factory=list)
    test: list[float | None] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    environment: dict[str, Any] = field(default_factory=dict)

    @property
    def epoch(self) -> int:
        """Epochs done so far."""
        return len(self.loss)


def train_alone(
    space: Space,
    genotype: str,
    data: Pictures,
    recipe: TrainingRecipe,
    seed: int,
    checkpoint: str | os.PathLike[str] | None = None,
    device: str = "cpu",
) -> Iterator[Training]:
    """Train one cell's network; yields the growing record after every epoch.

    The inner problem of Eq. (eq-alone), solved for one cell.

    What is random in an epoch (order, crop, flip, cutout, drop path) depends on the
    seed and the epoch only, the first weights on the seed. So a training that continues
    from a checkpoint ends, on the CPU, bit for bit where it would have ended.

    Args:
      space: the space that the genotype is of.
      genotype: the cell, as the space writes it.
      data: pictures, already at the recipe's size.
      recipe: size and length of the training.
      seed: of everything random.
      checkpoint: a file to continue from if it is there, and to write every epoch.
      device: "cpu", "cuda", "cuda:1", ...

    Raises:
      InputError: a genotype of another space, a recipe that does not fit space or data,
        no such device, a checkpoint that cannot be written or is of another training,
        or a loss that is no longer finite.
    """
    where = device_named(device)
    on_gpu = where.type == "cuda"
    state = _State(space, genotype, data, recipe, seed, where)
    config = describe(space, genotype, data, recipe, seed)
    run = Training(config, *count(state.network, state.shape))
    file = Path(checkpoint) if checkpoint is not None else None
    if file is not None:
        require_writable(file)
    saved = None if file is None else keeper.latest(file, config)
    if saved is not None:
        run = Training(**saved["run"])
        state.load_state_dict(saved["state"])
        yield run
    run.environment = environment(where)
    clock = time.perf_counter if on_gpu else time.process_time
    while run.epoch < recipe.epochs:
        before = run.seconds[-1] if run.seconds else 0.0
        began = clock()
        loss = state.train(run.epoch)
        seconds = before + clock() - began
        measures = recipe.measures(run.epoch + 1)
        run.loss.append(loss)
        run.val.append(state.accuracy(state.held_out) if measures else None)
        run.test.append(state.accuracy(state.testing) if measures else None)
        run.seconds.append(round(seconds, 4))
        if file is not None:
            keeper.write(file, {"run": vars(run), "state": state.state_dict()})
        yield run


def describe(
    space: Space, genotype: str, data: Pictures, recipe: TrainingRecipe, seed: int
) -> dict[str, Any]:
    """Every name and number that determines a training, as plain data."""
    return {
        "space": space.name,
        "genotype": genotype.strip(),
        "data": data.name,
        "data_sha256": data.sha256,
        "seed": seed,
        **asdict(recipe),
        "measured": list(recipe.measured),
    }


class _State:
    """Network, optimizer and pictures of a training."""

    def __init__(
        self,
        space: Space,
        genotype: str,
        data: Pictures,
        recipe: TrainingRecipe,
        seed: int,
        device: torch.device,
    ):
        require_whole("seed", seed, 0)
        self.recipe, self.seed, self.device = recipe, seed, device
        height, width, channels = data.x.shape[1:]
        if (height, width) != (recipe.size, recipe.size):
            raise InputError(
                f"pictures are {height}x{width} pixels, the recipe is for {recipe.size}"
            )
        self.shape = (channels, height, width)
        free = len(data.x) - recipe.held_out
        used = free if recipe.pictures is None else recipe.pictures
        if not recipe.batch <= used <= free:
            raise InputError(
                f"{len(data.x)} pictures, {recipe.held_out} of them held out: "
                f"cannot train on {used} in batches of {recipe.batch}"
            )

        def part(x: Any, y: Any) -> tuple[Tensor, Tensor]:
            return torch.from_numpy(x).to(device), torch.from_numpy(y).to(device)

        self.held_out = part(data.x[free:], data.y[free:])
        self.testing = part(data.x_test, data.y_test)
        self.order = torch.Generator()
        budget = Budget(batch=recipe.batch, crop=recipe.crop, flip=recipe.flip)
        self.batches = Batches(*part(data.x[:used], data.y[:used]), budget, self.order)
        with torch.random.fork_rng():
            torch.manual_seed(_number(seed, 0))
            network: Any = build_network(
                space,
                genotype,
                channels,
                data.classes,
                recipe.channels,
                recipe.cells,
                recipe.auxiliary > 0,
            )
        # Channels last is faster, on the CPU too.
        self.network: nn.Module = network.to(device, memory_format=torch.channels_last)
        if recipe.drop_path and not isinstance(self.network, AloneNetwork):
            raise InputError(f"networks of {space.name} have no drop path; set it to 0")
        self.optimizer = torch.optim.SGD(
            self.network.parameters(),
            recipe.lr,
            recipe.momentum,
            weight_decay=recipe.weight_decay,
            nesterov=recipe.nesterov,
            fused=True,
        )

    def train(self, epoch: int) -> float:
        """Train for one epoch (counted from 0); returns the mean loss."""
        recipe, network = self.recipe, self.network.train()
        if isinstance(network, AloneNetwork):
            network.drop = recipe.drop_path * epoch / recipe.epochs
        losses = []
        with torch.random.fork_rng():
            torch.manual_seed(_number(self.seed, epoch + 1))
            self.order.manual_seed(_number(self.seed, epoch + 1))
            for step, (x, y) in enumerate(self.batches):
                done = (epoch + step / len(self.batches)) / recipe.epochs
                for group in self.optimizer.param_groups:
                    group["lr"] = recipe.rate(done)
                logits, side = network(cut_out(x, recipe.cutout, self.order))
                loss = total = F.cross_entropy(logits, y)
                if side is not None:
                    # Eq. (eq-auxiliary)
                    total = loss + recipe.auxiliary * F.cross_entropy(side, y)
                self.optimizer.zero_grad()
                total.backward()
                if recipe.clip is not None:
                    nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
                self.optimizer.step()
                losses.append(loss.detach())
        mean = float(torch.stack(losses).mean())
        if not math.isfinite(mean):
            raise InputError(
                f"epoch {epoch + 1}: the loss is not a finite number; lower lr"
            )
        return round(mean, 5)

    @torch.no_grad()
    def accuracy(self, part: tuple[Tensor, Tensor]) -> float | None:
        """Percent of pictures that are recognised, with running statistics."""
        x, y = part
        if not len(y):
            return None
        self.network.eval()
        right = 0
        for pictures, labels in zip(x.split(500), y.split(500), strict=True):
            logits, _ = self.network(pictures.permute(0, 3, 1, 2))
            right += int((logits.argmax(dim=1) == labels).sum())
        return 100 * right / len(y)

    def state_dict(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        self.network.load_state_dict(saved["network"])
        self.optimizer.load_state_dict(saved["optimizer"])


def cut_out(x: Tensor, side: int, draws: torch.Generator) -> Tensor:
    """Set a square of each picture (B, C, H, W) to 0; it may reach over the border."""
    if side == 0:
        return x
    pixels = torch.arange(x.shape[-1])
    centres = torch.randint(len(pixels), (2, len(x), 1), generator=draws)
    distance = pixels - centres  # (2, B, H)
    rows, columns = (distance >= -(side // 2)) & (distance < side - side // 2)
    hidden = rows[:, None, :, None] & columns[:, None, None, :]
    return x.masked_fill(hidden.to(x.device), 0)


def _number(seed: int, epoch: int) -> int:
    """A seed of 63 bits for one epoch of one training."""
    text = f"alone {seed} {epoch}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> 1
