"""Samples of small models come from two processes, or from this one, and are the same."""

from __future__ import annotations

import subprocess

import pytest

from microgpt.runtime.machine import child
from microgpt.runtime.programs import samples as module
from microgpt.runtime.programs.samples import samples_of
from microgpt.runtime.programs.shapes import LEARNED, Shape

SHAPES = (Shape(1, 2, 3, 3, 2, 1), Shape(1, 2, 2, 4, 3, 2))


def fail(*arguments: object, **options: object) -> None:
    raise OSError("no more processes")


def broken(module: str, *arguments: str) -> list[str]:
    return ["false"]


@pytest.mark.slow
def test_another_process_makes_the_same(monkeypatch):
    made: list[Shape] = []
    original = module._sample
    monkeypatch.setattr(module, "_sample", lambda *what: made.append(what[-1]) or original(*what))
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    there = samples_of(1)
    assert made == list(LEARNED[:2])
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    assert samples_of(1) == there
    assert made == [*LEARNED[:2], *LEARNED]


@pytest.mark.parametrize("change", [("Popen", fail), ("python_command", broken)], ids=["none", "broken"])
def test_without_another_process_they_are_made_here(monkeypatch, change):
    name, value = change
    monkeypatch.setattr(module, "LEARNED", SHAPES)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr(subprocess if name == "Popen" else child, name, value)
    assert [sample.sizes for sample in samples_of(1)] == [shape.sizes for shape in SHAPES]
