"""The drawings of the book are what their script gives, and show what they say."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest


def test_no_drawing_has_drifted(drawings: ModuleType) -> None:
    assert drawings.DRAWINGS
    assert drawings.outdated() == []


def test_drift_is_found(
    drawings: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "edge.svg"
    monkeypatch.setattr(drawings, "DRAWINGS", {path: drawings.mixed_edge})
    assert drawings.outdated() == [path]
    path.write_text(drawings.mixed_edge(), "utf-8")
    assert drawings.outdated() == []
    path.write_text(drawings.mixed_edge().replace("0.7", "0.6"), "utf-8")
    assert drawings.outdated() == [path]


def test_a_strand_of_the_mixed_edge_is_as_wide_as_its_weight(
    drawings: ModuleType,
) -> None:
    root = ElementTree.fromstring(drawings.mixed_edge())
    svg = "{http://www.w3.org/2000/svg}"
    widths = [
        float(path.get("stroke-width"))
        for path in root.iter(f"{svg}path")
        if "C" in path.get("d")
    ]
    said = [
        float(found[1])
        for words in root.iter(f"{svg}text")
        if (found := re.fullmatch(r"θ = ([\d.]+)", words.text or ""))
    ]
    assert len(said) == len(widths) == 3
    assert sum(said) == pytest.approx(1)
    for width, weight in zip(widths, said, strict=True):
        assert width == pytest.approx(weight * sum(widths), abs=0.06)
