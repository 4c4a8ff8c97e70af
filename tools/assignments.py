"""Build what students get: a notebook and a zip of every assignment.

    python tools/assignments.py [--out FOLDER]      default: _build/assignments

The sources are assignments/NAME.md, or those in $GAEA_ASSIGNMENTS. Solutions, hidden
tests and mark schemes are left out, and the build fails if a trace of them is left in.
"""

from __future__ import annotations

import argparse
import io
import logging
import shutil
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path

warnings.filterwarnings("ignore", module="sqlalchemy|nbgrader")
warnings.filterwarnings("ignore", message=".*relationship.*")

from classroom import course  # noqa: E402

from gaea_mini.errors import InputError  # noqa: E402
from gaea_mini.files import require_folder, write_atomically  # noqa: E402


def build(out: Path) -> list[Path]:
    """Write NAME/NAME.ipynb and NAME.zip of every assignment; gives the zips.

    Other files in the folder stay.
    """
    made = []
    with tempfile.TemporaryDirectory() as folder:
        for name in course.assignments():
            course.generate(name, Path(folder))
            release = Path(folder) / "release" / name / f"{name}.ipynb"
            content = release.read_bytes()
            require_folder(out / name, "--out")
            write_atomically(out / name / f"{name}.ipynb", content)
            made.append(out / f"{name}.zip")
            write_atomically(made[-1], zipped(f"{name}/{name}.ipynb", content))
    return made


def zipped(name: str, content: bytes) -> bytes:
    """A zip of one file, the same bytes each time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        about = zipfile.ZipInfo(name)  # of 1980
        about.compress_type = zipfile.ZIP_DEFLATED
        about.external_attr = 0o644 << 16
        archive.writestr(about, content)
    return buffer.getvalue()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ours = course.ROOT / "_build" / "assignments"
    parser.add_argument("--out", type=Path, default=ours)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    if options.out == ours:  # nothing of an assignment that is gone
        shutil.rmtree(ours, ignore_errors=True)
    try:
        for path in build(options.out):
            print(path)
        url, _ = course.repository()
        if url:
            print(f"Opened alone, as in Colab, they install gaea_mini from {url}")
        else:
            print(
                "They run where gaea_mini is installed. repository.url in _config.yml "
                "is empty: set it and build again if students work in Colab."
            )
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
