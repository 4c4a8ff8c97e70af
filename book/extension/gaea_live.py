"""Python that runs in the page, on the pages named in ``live_pages``.

One setting of ``_config.yml`` says where Pyodide comes from, ``live_pyodide``:

* an address, such as that of a content network: the page fetches the files there when
  the reader presses the button, and the browser compares each with its hash;
* a folder, made by ``make pyodide``: the files are compared with their hashes and put
  beside the pages, which then need no network, also when they are opened from disk;
* empty: no page runs Python.

The hashes are those of ``live/pyodide.json`` beside this module: Pyodide's own lock
file, cut down to the packages that the pages use, and the files of its core.

A page carries only a small script with the button, ``live.js``. All else, the wheel of
gaea_mini too, is loaded after the press, from ``_static/live``. A page from disk may
not fetch files, only load scripts; so what lies beside the pages are scripts.
"""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sphinx.application import Sphinx
from sphinx.errors import ConfigError

LIVE = Path(__file__).parent / "live"
PACKAGE = Path(__file__).parents[2] / "gaea_mini"

# The part of gaea_mini that a page needs. None of it imports torch.
PARTS = (
    *("__init__.py", "errors.py", "simplex", "show"),
    *("checks/__init__.py", "checks/simplex.py", "checks/mirror.py"),
)
ENDINGS = {".py", ".js", ".css"}

NODE_ONLY = {"pyodide.mjs"}


def pinned() -> dict[str, Any]:
    """``live/pyodide.json``: ``core``, ``bytes`` and ``lock``."""
    read: dict[str, Any] = json.loads((LIVE / "pyodide.json").read_text("utf-8"))
    return read


def hashes() -> dict[str, str]:
    """The sha256 of every file of Pyodide that a page loads, by its name."""
    pins = pinned()
    packages = pins["lock"]["packages"].values()
    core = {name: h for name, h in pins["core"].items() if name not in NODE_ONLY}
    return core | {one["file_name"]: one["sha256"] for one in packages}


def megabytes() -> int:
    """How much a page loads before anything is compressed, rounded up."""
    sizes = pinned()["bytes"]
    return -(-sum(sizes[name] for name in hashes()) // 10**6)


def checked(folder: Path, name: str, sha256: str) -> bytes:
    """A file of Pyodide from a folder.

    Raises:
      ConfigError: it is not there, or it is another file.
    """
    path = folder / name
    if not path.is_file():
        raise ConfigError(f"live_pyodide: {path} is missing: run `make pyodide`")
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ConfigError(
            f"live_pyodide: {path} is not the file that live/pyodide.json names: "
            "delete it and run `make pyodide`"
        )
    return data


def wheel(package: Path = PACKAGE) -> tuple[str, bytes]:
    """Name and content of a wheel with the part of gaea_mini that needs no torch.

    It is the same, byte for byte, whenever it is built from the same files.
    """
    text = (package / "__init__.py").read_text("utf-8")
    version = re.search(r'^__version__ = "(.+)"', text, re.MULTILINE)
    assert version, "gaea_mini/__init__.py has no __version__"
    name = f"gaea_mini-{version[1]}"
    files = {
        f"gaea_mini/{path.relative_to(package).as_posix()}": path.read_bytes()
        for path in sorted(_parts(package))
    }
    info = f"{name}.dist-info"
    files[f"{info}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: gaea_mini\nVersion: {version[1]}\n"
    ).encode()
    files[f"{info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: gaea_live\nRoot-Is-Purelib: true\n"
        b"Tag: py3-none-any\n"
    )
    record = "".join(
        f"{at},{_digest(data)},{len(data)}\n" for at, data in files.items()
    )
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for at, data in files.items():
            entry = zipfile.ZipInfo(at, date_time=(2020, 1, 1, 0, 0, 0))
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return f"{name}-py3-none-any.whl", packed.getvalue()


def _parts(package: Path) -> Iterator[Path]:
    for part in PARTS:
        found = package / part
        for path in found.rglob("*") if found.is_dir() else [found]:
            if path.suffix in ENDINGS:
                yield path


def _digest(data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
    return f"sha256={digest.rstrip(b'=').decode()}"


def is_address(source: str) -> bool:
    return source.startswith(("https://", "http://"))


def script_of(name: str, data: bytes) -> str:
    """A script that hands a file to the page."""
    return f'liveFile("{name}", "{base64.b64encode(data).decode()}");\n'


def write_live(static: Path, source: str, top: Path) -> None:
    """Write what a page loads after the press, in ``static/live``.

    Args:
      static: the folder ``_static`` of the built pages.
      source: the setting ``live_pyodide``.
      top: where a folder in it is looked for.
    """
    folder = static / "live"
    folder.mkdir(parents=True, exist_ok=True)
    if not is_address(source):
        for name, sha256 in hashes().items():
            data = checked(top / source, name, sha256)
            (folder / f"{name}.js").write_text(script_of(name, data), "ascii")
    name, data = wheel()
    setup = {
        "from": source.rstrip("/") + "/" if is_address(source) else "",
        "hashes": hashes(),
        "lock": pinned()["lock"],
        "packages": ["numpy", "matplotlib", "traitlets"],
        "wheel": name,
        "worker": (LIVE / "worker.js").read_text("utf-8"),
        "sources": {
            path.name: path.read_text("utf-8") for path in sorted(LIVE.glob("*.py"))
        },
    }
    text = f"liveSetup({json.dumps(setup)});\n{script_of(name, data)}"
    (folder / "setup.js").write_text(text, "utf-8")


def add_button(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Put the small script on the pages that run Python."""
    source = app.config.live_pyodide
    named = any(fnmatch.fnmatch(page, one) for one in app.config.live_pages)
    if source and doctree is not None and named:
        about = {"data-from": urlsplit(source).hostname if is_address(source) else ""}
        about["data-megabytes"] = str(megabytes())
        app.add_css_file("live.css")
        app.add_js_file("live.js", **about)


def finish(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.config.live_pyodide and app.builder.format == "html":
        static = Path(app.outdir) / "_static"
        write_live(static, app.config.live_pyodide, Path(app.srcdir))


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_config_value("live_pyodide", "", "html", [str])
    app.add_config_value("live_pages", [], "html", [list])
    app.connect("html-page-context", add_button)
    app.connect("build-finished", finish)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
