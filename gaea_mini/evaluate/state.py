"""Everything that changes during a stand-alone training: so that it can be saved."""

import hashlib
from collections.abc import Generator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gaea_mini.data import Pictures
from gaea_mini.errors import InputError, require_whole
from gaea_mini.evaluate.networks import build_network
from gaea_mini.evaluate.training import TrainingRecipe
from gaea_mini.search import Budget
from gaea_mini.search.batches import Batches
from gaea_mini.search.precision import Precision
from gaea_mini.search.speed import EXACT, Speed, compiled
from gaea_mini.supernet import AloneNetwork, Space

LOOK_AT = 500  # pictures at a time, where accuracy is measured


class State:
    """Network, optimizer and pictures of a training."""

    def __init__(
        self,
        space: Space,
        genotype: str,
        data: Pictures,
        recipe: TrainingRecipe,
        seed: int,
        device: torch.device,
        speed: Speed = EXACT,
    ):
        require_whole("seed", seed, 0)
        speed.check_graphs()
        if speed.skip_below:
            raise InputError("skip_below: one operation an edge is all there is; 0")
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

        # A batch norm cannot standardise one pixel of one picture.
        require_whole("batch", recipe.batch, 2)

        def part(x: Any, y: Any) -> tuple[Tensor, Tensor]:
            return torch.from_numpy(x).to(device), torch.from_numpy(y).to(device)

        self.held_out = part(data.x[free:], data.y[free:])
        self.testing = part(data.x_test, data.y_test)
        self.order = torch.Generator()
        budget = Budget(batch=recipe.batch, crop=recipe.crop, flip=recipe.flip)
        self.batches = Batches(*part(data.x[:used], data.y[:used]), budget, self.order)
        self.precision = Precision(speed.precision, device)
        with self.forked():
            torch.manual_seed(_number(seed, 0))
            network: Any = _build(space, genotype, channels, data.classes, recipe)
        if recipe.auxiliary and recipe.size != 32:
            raise InputError(
                f"the auxiliary head is for pictures of 32 pixels, not {recipe.size}; "
                "set it to 0"
            )
        # Channels last is faster, on the CPU too.
        self.network: Any = network.to(device, memory_format=torch.channels_last)
        if recipe.drop_path and not isinstance(self.network, AloneNetwork):
            raise InputError(f"networks of {space.name} have no drop path; set it to 0")
        self.forward: Any = self.network
        if speed.compile:
            self.forward = compiled(self.network, device, speed.graphs)
            if isinstance(self.network, AloneNetwork):
                # A number would be compiled in, and every epoch has another.
                self.network.drop = torch.zeros((), device=device)
        self.optimizer = torch.optim.SGD(
            self.network.parameters(),
            recipe.lr,
            recipe.momentum,
            weight_decay=recipe.weight_decay,
            nesterov=recipe.nesterov,
            fused=True,
        )

    def forked(self) -> Any:
        """Inside, the global random streams are this training's; then as before."""
        cuda = self.device.type == "cuda"
        return torch.random.fork_rng([self.device] if cuda else [])

    def steps(
        self, epoch: int, behind: int = 0, draws: dict[str, Tensor] | None = None
    ) -> Generator[Tensor, None, None]:
        """Train for one epoch (counted from 0); yields the loss of every step.

        Args:
          epoch: which one.
          behind: how many steps were done before the checkpoint.
          draws: the random streams there.
        """
        recipe, network = self.recipe, self.network.train()
        if isinstance(network, AloneNetwork):
            drop = recipe.drop_path * epoch / recipe.epochs
            if isinstance(network.drop, Tensor):
                network.drop.fill_(drop)
            else:
                network.drop = drop
        with self.forked():
            torch.manual_seed(_number(self.seed, epoch + 1))
            self.order.manual_seed(_number(self.seed, epoch + 1))
            for step, (x, y) in enumerate(self.batches):
                x = cut_out(x, recipe.cutout, self.order)
                if step < behind:  # drawn again, so that those after it are the same
                    continue
                if step == behind and draws is not None:
                    self.set_draws(draws)
                done = (epoch + step / len(self.batches)) / recipe.epochs
                for group in self.optimizer.param_groups:
                    group["lr"] = recipe.rate(done)
                loss, total = self.losses(x, y)
                self.descend(total)
                yield loss.detach()

    def losses(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """The loss of the main head, and the one to descend."""
        logits, side = self.logits(x, self.forward)
        loss = total = F.cross_entropy(logits, y)
        if side is not None:
            # Eq. (eq-auxiliary)
            total = loss + self.recipe.auxiliary * F.cross_entropy(side, y)
        return loss, total

    def logits(self, x: Tensor, by: Any) -> tuple[Tensor, Tensor | None]:
        """Logits by the network, or by what stands for it, in float32."""
        with self.precision.autocast():
            logits, side = by(x)
        if self.precision.dtype is None:
            return logits, side
        return logits.float(), None if side is None else side.float()

    def descend(self, loss: Tensor) -> None:
        """One step of the optimizer, with the gradients clipped if the recipe says."""
        self.optimizer.zero_grad()
        self.precision.scale(loss).backward()
        if self.recipe.clip is not None:
            self.precision.unscale(self.optimizer)
            nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip)
        self.precision.step(self.optimizer)
        self.precision.end()

    def require_finite(self, losses: list[Tensor], epoch: int) -> None:
        """Refuse losses of an epoch (from 1), or weights, that are no finite numbers.

        Raises:
          InputError: one is not.
        """
        bad = (~torch.stack(losses).isfinite()).nonzero()
        if len(bad):
            step = int(bad[0])
            raise InputError(
                f"epoch {epoch}, step {step + 1}: the loss is not a finite number "
                f"({float(losses[step]):g}); lower lr"
            )
        weights = [w.isfinite().all() for w in self.network.parameters()]
        if not torch.stack(weights).all():
            raise InputError(
                f"epoch {epoch}, step {len(losses)}: a weight is not a finite number; "
                "lower lr"
            )

    @torch.no_grad()
    def accuracy(self, part: tuple[Tensor, Tensor]) -> float | None:
        """Percent of pictures that are recognised, with running statistics."""
        x, y = part
        if not len(y):
            return None
        self.network.eval()
        right = 0
        for pictures, labels in zip(x.split(LOOK_AT), y.split(LOOK_AT), strict=True):
            # Only training is worth compiling: its pictures are as many each time.
            logits, _ = self.logits(pictures.permute(0, 3, 1, 2), self.network)
            right += int((logits.argmax(dim=1) == labels).sum())
        return 100 * right / len(y)

    def draws(self) -> dict[str, Tensor]:
        """The random streams of an epoch that is under way."""
        streams = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            streams["cuda"] = torch.cuda.get_rng_state(self.device)
        return streams

    def set_draws(self, streams: dict[str, Tensor]) -> None:
        """Go on from ``draws``; of another device's stream nothing is taken."""
        torch.set_rng_state(streams["cpu"])
        if self.device.type == "cuda" and "cuda" in streams:
            torch.cuda.set_rng_state(streams["cuda"], self.device)

    def state_dict(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "precision": self.precision.state_dict(),
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        self.network.load_state_dict(saved["network"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.precision.load_state_dict(saved.get("precision", {}))


def _build(
    space: Space, genotype: str, channels: int, classes: int, recipe: TrainingRecipe
) -> Any:
    size = (recipe.channels, recipe.cells, recipe.auxiliary > 0)
    try:
        return build_network(space, genotype, channels, classes, *size)
    except (RuntimeError, MemoryError, OverflowError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise InputError(
            f"no network of {size[0]} channels and {size[1]} cells a stage can be "
            f"built here ({reason}); take fewer channels"
        ) from None


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
