"""What all parameters share at a step has the same bits in C as in adam.py."""

from __future__ import annotations

import ctypes
from pathlib import Path
from random import Random

import pytest

from microgpt.compiler.c.prelude import VECTOR_WIDTHS, prelude
from microgpt.compiler.numerics import numerics
from microgpt.model.config import AdamConfig
from microgpt.runtime.machine.toolchain import Toolchain
from microgpt.runtime.programs.c_numbers import number_type
from microgpt.runtime.programs.c_source import step_constants_text
from microgpt.runtime.programs.step_constants import step_constants

RUNS = [*((step, 1000) for step in range(300)), (7, 9), (10**6, 10**7), (2 * 10**9, 2**31 - 1)]
RANDOM = Random(5)
# The powers of 3/4 and 3/8 include doubles, and the middles of two.
CONFIGS = [AdamConfig(), AdamConfig(beta1=0.0, beta2=0.9999999), AdamConfig(beta1=0.75, beta2=0.375)]
CONFIGS += [AdamConfig(RANDOM.random(), RANDOM.random(), RANDOM.random(), 1e-8) for _ in range(4)]


@pytest.mark.parametrize("width", [1, VECTOR_WIDTHS[-1]])
@pytest.mark.parametrize("name", ["exact", "portable", "fast", "fast-float64"])
def test_c_has_the_constants_of_each_step(name: str, width: int, toolchain: Toolchain, tmp_path: Path):
    with numerics(name):
        number = number_type()
        memory = f"typedef struct {{ {number.__name__.removeprefix('c_')} step_constants[3]; }} memory;\n"
        functions = "".join(
            step_constants_text(config)
            .replace("static void set_step", f"void set_step{place}")
            .replace("bias_correction", f"bias_correction{place}")
            for place, config in enumerate(CONFIGS)
        )
        (tmp_path / "steps.c").write_text(prelude(width, program=functions) + memory + functions)
        toolchain.build(tmp_path / "steps.c", tmp_path / "steps.so")
        library, found = ctypes.CDLL(str(tmp_path / "steps.so")), (number * 3)()
        for place, config in enumerate(CONFIGS):
            function = library[f"set_step{place}"]
            function.argtypes = [ctypes.c_void_p, ctypes.c_long, ctypes.c_long, ctypes.c_double]
            for step, total in RUNS:
                function(found, step, total, config.learning_rate)
                assert list(found) == list((number * 3)(*step_constants(config, step, total))), (config, step)
