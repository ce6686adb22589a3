"""A library for processors with narrower vectors computes the same bits."""

from __future__ import annotations

import ctypes
from pathlib import Path
from random import Random

import pytest

from microgpt.compiler.c.prelude import VECTOR_WIDTHS
from microgpt.model.config import AdamConfig, GPTConfig
from microgpt.runtime.machine.toolchain import Toolchain
from microgpt.runtime.programs.c_source import model_source

# A size that no vector divides, so that there are lanes left over in every loop.
CONFIG = GPTConfig(vocab_size=11, n_layer=1, n_embd=6, n_head=2, block_size=2)
STEPS = 20


def train(toolchain: Toolchain, folder: Path, width: int) -> list[str]:
    """All losses and the parameters after some steps."""
    source, path = folder / f"width{width}.c", folder / f"width{width}.so"
    source.write_text(model_source(CONFIG, AdamConfig(), vector_width=width).text)
    toolchain.build(source, path)
    library = ctypes.CDLL(str(path))
    doubles = ctypes.POINTER(ctypes.c_double)
    library.microgpt_memory.restype, library.microgpt_parameters.restype = ctypes.c_long, doubles
    size = library.microgpt_memory()
    block = ctypes.create_string_buffer(8 * size + 64)
    memory = ctypes.cast(ctypes.addressof(block) + -ctypes.addressof(block) % 64, doubles)
    library.microgpt_initialize(memory)
    random = Random(5)
    parameters = library.microgpt_parameters(memory)
    for place in range(CONFIG.parameter_count):
        parameters[place] = random.gauss(0.0, 0.3)
    lengths = [random.randint(1, CONFIG.block_size) for _ in range(STEPS)]
    index = [random.randrange(CONFIG.vocab_size) for _ in range(2 * sum(lengths))]
    losses = (ctypes.c_double * STEPS)()
    library.microgpt_train(
        memory,
        (ctypes.c_int * STEPS)(*lengths),
        (ctypes.c_int * len(index))(*index),
        ctypes.c_long(0),
        ctypes.c_long(STEPS),
        ctypes.c_long(STEPS),
        ctypes.c_double(AdamConfig().learning_rate),
        losses,
    )
    return [number.hex() for number in (*losses, *parameters[: CONFIG.parameter_count])]


@pytest.mark.parametrize(
    "widths", [(VECTOR_WIDTHS[0], VECTOR_WIDTHS[-1]), pytest.param(VECTOR_WIDTHS, marks=pytest.mark.slow)]
)
def test_all_widths_give_the_same_bits(toolchain: Toolchain, tmp_path: Path, widths: tuple[int, ...]):
    one, *others = [train(toolchain, tmp_path, width) for width in widths]
    assert len(set(one)) > CONFIG.parameter_count // 2
    assert all(other == one for other in others)
