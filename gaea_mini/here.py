"""Where a notebook runs: the last step of every chapter's set-up cell.

The cell itself finds or installs this package; see ``book/setup_cell.py``.
Nothing is installed or changed from here on.
"""

import platform
import shutil
from importlib import metadata, util

from gaea_mini import __version__
from gaea_mini.errors import InputError

# What every chapter imports. Only some need torch, so it is not among them.
NEEDS = ("numpy", "matplotlib", "scipy", "ipywidgets", "anywidget", "tqdm")
NO_TORCH = (
    "PyTorch is missing here: only the chapters of the first part run without it; for "
    "another run %pip install torch (on Linux it may be several gigabytes)"
)


def begin() -> None:
    """Make widgets show where they need leave to, and print where this runs.

    Where torch is missing a second line says which chapters need it.

    Raises:
      InputError: a package is missing that every chapter imports.
    """
    lacking = [name for name in NEEDS if not found(name)]
    if lacking:
        raise InputError(
            f"{', '.join(lacking)} missing here; run %pip install {' '.join(lacking)} "
            "and then this cell again"
        )
    allow_widgets()
    print(summary())
    if not found("torch"):
        print(NO_TORCH)


def found(module: str) -> bool:
    """Whether Python finds a module; a package above it that is missing is a no.

    >>> found("numpy"), found("no_such_package.inside")
    (True, False)
    """
    try:
        return util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def allow_widgets() -> bool:
    """On Colab, allow widgets that are not Colab's own. Whether this is Colab."""
    if not found("google.colab"):
        return False
    from google.colab import output

    output.enable_custom_widget_manager()
    return True


def device() -> str:
    """Answer "cuda" where torch reaches a GPU, else "cpu".

    torch is imported only where a driver of NVIDIA is, because some chapters do
    without it.
    """
    if shutil.which("nvidia-smi") is None or not found("torch"):
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def preset(device: str) -> str:
    """The preset that suits a device, as ``python -m gaea_mini search`` takes it.

    >>> preset("cpu")
    'cpu'
    """
    return "gpu" if device == "cuda" else "cpu"


def summary() -> str:
    """One line: versions, device and the preset for a search of one's own."""
    torch = f"torch {metadata.version('torch')}" if found("torch") else "no torch"
    here = device()
    return (
        f"gaea_mini {__version__}, Python {platform.python_version()}, "
        f"numpy {metadata.version('numpy')}, {torch}; "
        f"device {here}, preset {preset(here)}"
    )
