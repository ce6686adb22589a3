"""Random programs give the same bits eagerly, interpreted after each stage, and as generated Python.

One program by its number: ``pytest tests/differential --seed 1234 --programs 1``; many: ``--programs 50000``.
"""

from __future__ import annotations

import math
import traceback
from collections import Counter

import pytest
from differential.executions import MismatchError, compare, run_eagerly, same, shrink
from differential.programs import random_program

from microgpt.compiler.ir.ops import ATTACH, OPS
from microgpt.runtime.forward import Forward, Tangent
from microgpt.runtime.value import Value


@pytest.fixture(scope="session")
def first_seed(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--seed"))


@pytest.fixture(scope="session")
def count(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--programs"))


@pytest.mark.random
def test_all_executions_agree(first_seed: int, count: int) -> None:
    refused = ordinary = 0
    ops: Counter[int] = Counter()
    for seed in range(first_seed, first_seed + count):
        program = random_program(seed)
        try:
            stages = compare(program)
        except Exception as error:
            kind = str(error) if isinstance(error, MismatchError) else traceback.format_exc(limit=-3)
            small = shrink(program, type(error))
            pytest.fail(
                f"random program {seed} (again: pytest tests/differential --seed {seed} --programs 1): {kind}\n\n"
                f"{program.source}\n"
                f"inputs: {program.inputs}\nindices: {program.indices}\ngradient in: {program.argument}\n\n"
                f"a shorter one that fails:\n{small.source}",
                pytrace=False,
            )
        if stages is None:
            refused += 1
            continue
        ops.update(stages["dce"].op)
        ops.update(stages["trace"].op)  # what later stages make something else of
        loss, gradient = run_eagerly(program).values()
        ordinary += all(map(math.isfinite, loss)) and any(math.isfinite(element) and element for element in gradient)
    if count >= 1000:
        # Sums over rows alone have an `attach`.
        missing = {row.name for code, row in enumerate(OPS) if not ops[code] and code != ATTACH}
        assert not missing, "operations that no program had"
        assert ordinary > count // 3, "too few programs with an ordinary result to prove anything"
        assert refused < count // 10
    print(f"{count} programs from seed {first_seed}: {ordinary} with ordinary results, {refused} refused")


def test_forward_scalars_are_the_eager_ones(first_seed: int, count: int) -> None:
    """At large sizes a function runs on them, in place of the eager autograd."""
    for seed in range(first_seed, first_seed + count):
        program = random_program(seed)
        found = []
        for kind in (Value, Forward, Tangent):
            inputs = {name: [kind(value) for value in values] for name, values in program.inputs.items()}
            try:
                results = program.function(*inputs.values(), *program.indices.values())
            except (TypeError, OverflowError, ValueError) as error:
                found.append([str(error).replace(kind.__name__, "Value")])
                continue
            assert kind is Value or not any(isinstance(result, Value) for result in results)
            found.append([result.data if isinstance(result, kind) else float(result) for result in results])
        eager, *others = found
        for other in others:
            assert len(eager) == len(other)
            for a, b in zip(eager, other, strict=True):
                assert a == b or same(a, b), f"random program {seed}:\n{program.source}"
