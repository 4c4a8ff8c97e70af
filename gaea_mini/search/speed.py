"""Ways to a faster search that change its numbers a little; none is on by default."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn

from gaea_mini.errors import InputError
from gaea_mini.search.method import Method
from gaea_mini.search.objective import Bilevel
from gaea_mini.search.precision import require_precision
from gaea_mini.search.relaxation import GumbelSample, Mixture

BACKEND = "inductor"  # of torch.compile


@dataclass(frozen=True)
class Speed:
    """How a search is computed.

    Args:
      precision: "float32", "bfloat16" or "float16"; see ``Precision``.
      compile: hand the supernet to torch.compile. On the CPU this was measured not to
        pay (two cores, torch 2.13, NAS-Bench-201 with C 8, N 1): it took 204 to 243 s
        to compile, then 0.353 to 0.355 s a step against 0.288 s without.
      skip_below: leave out operations of smaller weight; see ``ActiveSet``.
      graphs: with compile, on CUDA: record each pass once as a CUDA graph and replay
        it, which saves the time of starting many small kernels ("reduce-overhead" of
        torch.compile). Not measured here.
    """

    precision: str = "float32"
    compile: bool = False
    skip_below: float = 0.0
    graphs: bool = False

    def changed(self) -> dict[str, Any]:
        """What is not at its default, for the description of a search."""
        return {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if getattr(self, field.name) != field.default
        }

    def check(self, method: Method, form: str) -> None:
        """Refuse, in one line, what does not go together.

        Raises:
          InputError: see there.
        """
        require_precision(self.precision)
        relaxation = method.relaxation
        mixes = type(relaxation) is Mixture
        if self.skip_below and not mixes:
            raise InputError(
                f"skip_below: {method.name} draws one operation an edge and computes "
                "no other, so there is nothing to skip; leave it out"
            )
        if self.skip_below and form == "reference":
            raise InputError(
                "skip_below: the reference form computes every operation; take the "
                "fast form"
            )
        if self.compile and self.skip_below:
            raise InputError(
                "compile and skip_below do not go together: every new set of "
                "operations would be compiled anew; take one of them"
            )
        exact = isinstance(relaxation, GumbelSample) and relaxation.estimator == "exact"
        if self.compile and not (mixes or exact):
            raise InputError(
                f"compile: {method.name} draws operations, and every draw would be "
                "compiled anew; leave it out"
            )
        second = isinstance(method.objective, Bilevel) and method.objective.order == 2
        self.check_graphs()
        if self.graphs and second:
            raise InputError(
                f"{method.name}: a CUDA graph's next pass overwrites the gradients of "
                "the one before, and the second order needs several at once; leave "
                "graphs out"
            )
        if self.precision != "float32" and second:
            raise InputError(
                f"{method.name}: the second order takes the difference of gradients at "
                f"weights close to each other, which {self.precision} rounds away; "
                "take float32"
            )

    def check_graphs(self) -> None:
        """Refuse CUDA graphs of what is not compiled.

        Raises:
          InputError: see there.
        """
        if self.graphs and not self.compile:
            raise InputError(
                "graphs: CUDA graphs are of a compiled supernet on a CUDA device; give "
                "compile too, on the command line --compile"
            )


EXACT = Speed()  # float32, nothing compiled, nothing left out


def compiled(
    network: nn.Module, device: torch.device, graphs: bool = False
) -> Callable[..., Tensor]:
    """The network, compiled when it is first called; with ``graphs`` as CUDA graphs.

    Raises:
      InputError: there is no compiler that works for this device, or it has no graphs.
    """
    if graphs and device.type != "cuda":
        raise InputError(f"graphs: CUDA graphs need a CUDA device, not {device.type}")
    try:
        probe = torch.compile(lambda x: 2 * x + 1, backend=BACKEND)
        probe(torch.ones(2, device=device))
    except Exception as error:  # torch has many: no C++ compiler, no Triton, ...
        raise InputError(
            f"compile: torch.compile does not work here for {device.type} "
            f"({type(error).__name__}: {str(error).splitlines()[0]}); it needs a C++ "
            "compiler on the CPU and Triton on CUDA; take compile=False, on the "
            "command line --no-compile"
        ) from None
    if not graphs:
        return torch.compile(network, backend=BACKEND)
    replayed = torch.compile(network, mode="reduce-overhead")

    def call(*given: Any) -> Tensor:
        # What the pass before has left in the graph's memory may be overwritten now.
        torch.compiler.cudagraph_mark_step_begin()
        return replayed(*given)

    return call
