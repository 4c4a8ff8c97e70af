"""Published genotypes of the DARTS space, and the size of the networks made of them.

Facts, written in this package's syntax: ``space("darts").parse`` reads them. In the
sources the two edges of a node stand in order of weight, here in order of their source.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """A genotype from the literature.

    Args:
      title: method, and what it searched on.
      genotype: the pair of cells.
      source: the paper, and the file that lists the genotype.
      parameters: of the network of 20 cells with C = 36 on CIFAR-10, in millions, as
        printed in the paper (auxiliary head not counted); None if none is printed.
    """

    title: str
    genotype: str
    source: str
    parameters: float | None = None


GENOTYPES = {
    "darts-v1": Published(
        "DARTS, first order, CIFAR-10",
        "normal: |sep_conv_3x3~0|sep_conv_3x3~1|+|skip_connect~0|sep_conv_3x3~1|"
        "+|skip_connect~0|sep_conv_3x3~1|+|sep_conv_3x3~0|skip_connect~2| "
        "reduce: |max_pool_3x3~0|max_pool_3x3~1|+|max_pool_3x3~0|skip_connect~2|"
        "+|max_pool_3x3~0|skip_connect~2|+|avg_pool_3x3~0|skip_connect~2|",
        # DARTS_V1 there; cnn/genotypes.py of quark0/darts, commit 8876e79, has the
        # same cell as DARTS. This listing counts 3.17 million, not 3.3; whether the
        # paper's row is of this very cell is not known.
        "Liu, Simonyan, Yang, ICLR 2019; yuhuixu1993/PC-DARTS genotypes.py, 283b086",
        3.3,
    ),
    "darts-v2": Published(
        "DARTS, second order, CIFAR-10",
        "normal: |sep_conv_3x3~0|sep_conv_3x3~1|+|sep_conv_3x3~0|sep_conv_3x3~1|"
        "+|skip_connect~0|sep_conv_3x3~1|+|skip_connect~0|dil_conv_3x3~2| "
        "reduce: |max_pool_3x3~0|max_pool_3x3~1|+|max_pool_3x3~1|skip_connect~2|"
        "+|max_pool_3x3~0|skip_connect~2|+|max_pool_3x3~1|skip_connect~2|",
        "Liu, Simonyan, Yang, ICLR 2019; yuhuixu1993/PC-DARTS genotypes.py, 283b086",
        3.3,
    ),
    "pc-darts-cifar": Published(
        "PC-DARTS, CIFAR-10",
        "normal: |skip_connect~0|sep_conv_3x3~1|+|sep_conv_3x3~0|dil_conv_3x3~1|"
        "+|sep_conv_5x5~0|sep_conv_3x3~1|+|avg_pool_3x3~0|dil_conv_3x3~1| "
        "reduce: |max_pool_3x3~0|sep_conv_5x5~1|+|sep_conv_5x5~1|sep_conv_5x5~2|"
        "+|sep_conv_3x3~0|sep_conv_3x3~3|+|sep_conv_3x3~1|sep_conv_3x3~2|",
        "Xu et al., ICLR 2020; yuhuixu1993/PC-DARTS genotypes.py, 283b086",
        3.6,
    ),
    "pc-darts-imagenet": Published(
        "PC-DARTS, ImageNet",
        "normal: |sep_conv_3x3~0|skip_connect~1|+|sep_conv_3x3~0|skip_connect~1|"
        "+|sep_conv_3x3~1|sep_conv_3x3~3|+|sep_conv_3x3~1|dil_conv_5x5~4| "
        "reduce: |sep_conv_3x3~0|skip_connect~1|+|max_pool_3x3~1|dil_conv_5x5~2|"
        "+|sep_conv_3x3~1|sep_conv_3x3~2|+|sep_conv_5x5~0|sep_conv_3x3~3|",
        "Xu et al., ICLR 2020; yuhuixu1993/PC-DARTS genotypes.py, 283b086",
    ),
    "gaea-pc-darts-cifar": Published(
        "GAEA PC-DARTS, CIFAR-10",
        "normal: |skip_connect~0|sep_conv_3x3~1|+|sep_conv_3x3~1|skip_connect~2|"
        "+|sep_conv_3x3~1|sep_conv_3x3~2|+|sep_conv_3x3~0|dil_conv_3x3~4| "
        "reduce: |max_pool_3x3~0|max_pool_3x3~1|+|sep_conv_5x5~0|sep_conv_5x5~2|"
        "+|sep_conv_5x5~2|dil_conv_3x3~3|+|sep_conv_3x3~1|sep_conv_5x5~4|",
        # pcdartseedartscifar103103 there.
        "Li et al., ICLR 2021; liamcli/PC-DARTS genotypes.py, 1f5a3e0",
        3.7,
    ),
}
