"""A small benchmark for tests: six classes, two seeds, few pictures, two epochs.

Run as a script it is the command line, with this benchmark in place of the real one.
"""

import sys
from dataclasses import replace

from gaea_mini import cli
from gaea_mini.evaluate import benchmark

TINY = replace(
    benchmark.COMPACT,
    seeds=(0, 1),
    only=(0, 3, 50, 200, 300, 458),
    recipe=replace(
        benchmark.COMPACT.recipe, pictures=256, epochs=2, batch=64, measured=(1, 2)
    ),
)

if __name__ == "__main__":
    benchmark.COMPACT = TINY
    sys.exit(cli.main(sys.argv[1:]))
