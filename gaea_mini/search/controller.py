"""ENAS: an LSTM writes the cell, edge by edge, and is trained by REINFORCE."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from gaea_mini.errors import InputError, require_range, require_whole
from gaea_mini.search.relaxation import Batch, Mixture, Weights, best_of, only
from gaea_mini.supernet import Space

if TYPE_CHECKING:
    from gaea_mini.search.state import State
    from gaea_mini.search.update import Update


@dataclass(frozen=True)
class ControllerSample(Mixture):
    r"""One cell for each forward pass, written by a controller pi (Pham et al., 2018).

    .. math::
        -\frac{1}{M} \sum_{m=1}^M (r_m - b) \log \pi(a_m) - \lambda H(\pi)

    Eq. (eq-controller), whose first part has the gradient of Eq. (eq-score) on average.
    Here r_m is the part of a batch that the supernet gets right with the
    cell a_m and b a moving average of rewards. The parameters are the controller's;
    theta is the mean of its probabilities over sampled cells, for the record.

    Args:
      rows: edges of the cell, one decision each.
      hidden: units of the LSTM.
      samples: M, cells a controller step.
      entropy_bonus: lambda, 1e-4 in ENAS.
      decay: of the moving average, 0.99 in ENAS.
      candidates: cells drawn at the end, of which the best on one batch is the result.
    """

    rows: int = 6
    hidden: int = 64
    samples: int = 5
    entropy_bonus: float = 1e-4
    decay: float = 0.99
    candidates: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("rows", "hidden", "samples", "candidates"):
            require_whole(name, getattr(self, name))
        require_range("entropy_bonus", self.entropy_bonus)
        require_range("decay", self.decay, 1)

    def start(
        self, space: Space, update: "Update", draws: torch.Generator
    ) -> list[Tensor]:
        if space.shape[:2] != (1, self.rows):
            raise InputError(
                f"the controller writes one cell of {self.rows} edges; theta of space "
                f"{space.name} has {space.shape[0]} x {space.shape[1]} rows; take a "
                "space of one such cell, or another method"
            )
        h, o = self.hidden, len(space.operations)
        shapes = [(o + 1, h), (4 * h, h), (4 * h, h), (4 * h,), (4 * h,), (o, h)]
        return [0.2 * torch.rand(s, generator=draws) - 0.1 for s in shapes]

    def write(
        self,
        parameters: Sequence[Tensor],
        rows: int,
        count: int,
        draws: torch.Generator,
    ) -> tuple[Tensor, Tensor]:
        """Sample ``count`` cells of ``rows`` edges: operations (M, E), and the log
        probabilities of every operation at every edge (M, E, O)."""
        table, *lstm, head = parameters
        operations = len(head)
        state = 2 * [table.new_zeros(count, self.hidden)]
        last = torch.full((count,), operations, device=table.device)  # start
        picks, logs = [], []
        for _ in range(rows):
            state = list(torch.lstm_cell(table[last], state, *lstm))
            log = F.log_softmax(state[0] @ head.T, dim=-1)
            chances = log.detach().exp().cpu()
            if not chances.isfinite().all():
                raise InputError(
                    "the controller's probabilities are not finite numbers; lower "
                    "lr_theta"
                )
            last = torch.multinomial(chances, 1, generator=draws)[:, 0].to(table.device)
            picks.append(last)
            logs.append(log)
        return torch.stack(picks, 1), torch.stack(logs, 1)

    def theta(self, parameters: Sequence[Tensor]) -> Tensor:
        draws = torch.Generator().manual_seed(0)
        _, logs = self.write(parameters, self.rows, 200, draws)
        return logs.exp().mean(0)[None]

    def edges(self, parameters: Sequence[Tensor]) -> list[Tensor]:
        return []

    def weights(
        self, parameters: Sequence[Tensor], draws: torch.Generator, progress: float
    ) -> Weights:
        with torch.no_grad():
            picks, _ = self.write(parameters, self.rows, 1, draws)
        return self._one_hot(picks[0], parameters)

    def theta_loss(self, state: "State", batch: Batch) -> tuple[Tensor, Tensor]:
        picks, logs = self.write(state.parameters, self.rows, self.samples, state.draws)
        pictures, labels = batch
        rewards, losses = [], []
        with torch.no_grad():
            for pick in picks:
                scores = state.scores(pictures, self._one_hot(pick, state.parameters))
                rewards.append((scores.argmax(1) == labels).float().mean())
                losses.append(F.cross_entropy(scores, labels))
        reward = torch.stack(rewards)
        mean = float(reward.mean())
        baseline = state.memory.get("baseline", mean)
        state.memory["baseline"] = self.decay * baseline + (1 - self.decay) * mean
        chosen = logs.gather(2, picks[:, :, None])[:, :, 0].sum(1)  # (M,)
        entropy = -(logs.exp() * logs).sum(-1).sum(1)  # (M,)
        # Eq. (eq-controller)
        loss = -((reward - baseline) * chosen + self.entropy_bonus * entropy).mean()
        return loss, torch.stack(losses).mean()

    def choose(self, state: "State") -> str:
        return best_of(state, [state.sample() for _ in range(self.candidates)])

    def _one_hot(self, picks: Tensor, parameters: Sequence[Tensor]) -> Weights:
        hard = F.one_hot(picks, len(parameters[-1]))[None]
        return Weights(hard.to(parameters[0].dtype), only(hard))
