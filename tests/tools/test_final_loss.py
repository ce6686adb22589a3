"""The comparison of final losses, at a small scale."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import skip_without_compiler

from microgpt.tools.checks.final_loss import compare, interval

SHAPE = {"n_embd": 8, "n_head": 2, "block_size": 6}


def test_an_interval_is_that_of_students_t() -> None:
    found = interval([1.0, 2.0, 3.0, 4.0, 5.0])
    assert found.mean == 3.0
    # The quantile for 4 degrees of freedom is 2.776445, the standard error sqrt(2.5 / 5).
    assert found.margin == pytest.approx(2.776445 * 0.5**0.5, rel=1e-4)


@pytest.mark.parametrize("batch_size", [1, 5])
def test_training_in_fast_numerics_ends_where_exact_training_does(batch_size: int, tmp_path: Path) -> None:
    skip_without_compiler()
    names = tmp_path / "names.txt"
    names.write_text("\n".join(["anna", "bob", "clara", "dan", "eva", "fred"] * 5))
    found = compare(str(names), range(3), 60, "fast", batch_size, **SHAPE)
    assert found.exact != found.other
    assert abs(found.difference.mean) + found.difference.margin < 0.005
