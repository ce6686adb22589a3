"""docs/comparison.md: the page and its figures agree, and each library that is here has the reference's gradient."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from helpers import DOCS, docs_script, skip_without_compiler

# Of gradients in double precision; tinygrad's erf is an approximation.
BOUNDS = {"tinygrad": 1e-4}
BOUND = 1e-12


def test_the_page_shows_the_figures():
    result = subprocess.run(
        [sys.executable, DOCS / "comparison.py", "--check"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_changed_figure_is_noticed():
    script = docs_script("comparison")
    figures = json.loads((DOCS / "comparison.json").read_text("utf-8"))
    text = script.page(figures)
    assert text == (DOCS / "comparison.md").read_text("utf-8")
    figures["programs"]["bodies"]["jax"]["call"] *= 2
    assert script.page(figures) != text
    figures["programs"]["bodies"]["jax"] = "not installed"
    assert "| JAX, `jit` | not installed | | | `--job jax bodies` |" in script.page(figures)


def test_the_figures_agree_with_the_reference():
    figures = json.loads((DOCS / "comparison.json").read_text("utf-8"))
    for found in figures["programs"].values():
        assert found["microgpt"]["difference"] == found["values"]["difference"] == 0
        for library, row in found.items():
            assert isinstance(row, str) or row["difference"] <= BOUNDS.get(library, BOUND), library


@pytest.mark.slow
@pytest.mark.parametrize("program", ["black_scholes", "rosenbrock", "bodies"])
def test_each_library_that_is_here_has_the_gradient(program: str, monkeypatch: pytest.MonkeyPatch):
    skip_without_compiler()
    script = docs_script("comparison")
    exact = script.in_process("values", program)["gradient"]
    assert script.in_process("microgpt", program)["gradient"] == exact
    for library, (_, package, _) in script.LIBRARIES.items():
        slow = library == "casadi-c"  # gcc takes half a minute
        if script.version_of(package) and not slow and (library, program) not in script.IMPOSSIBLE:
            found = script.in_process(library, program)["gradient"]
            assert script.difference(found, exact) <= BOUNDS.get(library, BOUND), library
