"""Inference: a trained model in C that only samples, for where there is little memory and no operating system.

In: a model's shape. Out: C99 without vectors, heap, files or static memory that is written to. The weights are outside
of its memory, so that they may be in a read-only one; a state has the keys and values of one document and what one
position works with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ...compiler.c.c_text import c_text
from ...compiler.c.memory_struct import constants_text, memory_struct, read_constants
from ...compiler.c.prelude import prelude
from ...compiler.loops.compact import compact
from ...compiler.loops.compile_family import Family
from ...compiler.loops.layout import Layout
from ...compiler.loops.loop_ir import LoopProgram
from ...compiler.loops.place import NotRegularError
from ...compiler.pipeline import compile_c, without_collection
from ...model.config import GPTConfig
from ..executable.c_files import exact_text, exactness
from ..executable.estimate import check
from .estimate import estimate_c, estimate_flat
from .model_loops import PROGRAM_NAMES, flat_inference
from .shapes import is_sized
from .sized_loops import sized_loops, sized_model

__all__ = ["InferenceSource", "inference_source"]

_PACKAGE = __package__ or ""
_WEIGHTS = "parameters"


@dataclass(frozen=True)
class InferenceSource:
    """A library in C that samples.

    Attributes:
        text: of the C file, which includes its header.
        declarations: for the header.
        programs, layout: what it was made from.
        state: numbers in a state.
    """

    text: str
    declarations: str
    programs: Mapping[int, LoopProgram]
    layout: Layout
    state: int
    _family: Family

    def prove(self) -> int:
        """Checks that every program is its graph; returns how many operations the graphs have.

        Raises:
            ProofError: naming the program and the operation, if one is not what it should be.
        """
        # The proof gives addresses to constants that stand in kernels.
        return sum(len(self._family.prove(self.layout.copy(), *each)) for each in self.programs.items())


def inference_source(config: GPTConfig, prefix: str, number: str = "double") -> InferenceSource:
    """Compiles a model to C that samples. Whoever uses the result has to prove it.

    Args:
        prefix: of everything that other files can see.
        number: the type of numbers: ``double``, or ``float``, whose results are others.

    Raises:
        TooLargeError: if it takes more memory than there is.
        CompileError: if the model cannot be compiled.
    """
    check(estimate_c(config))
    with without_collection():
        family, layout = _family(config)
        programs, layout = compact(family.programs, layout, _WEIGHTS)
        cache, entry = layout.named("cache")[1], 2 * config.n_layer * config.n_embd
        family = replace(family, pinned=lambda position: {"entry": cache + entry * position})
        names = [PROGRAM_NAMES["inference"].format(position) for position in programs]
        body = compile_c(list(programs.values()), names, layout, 1, number=number, outside=_WEIGHTS)
    f, state = "f" if number == "float" else "", layout.named(_WEIGHTS)[1]
    holes = {"prefix": prefix, "number": number, "memory": state, "bytes": f"{(8 >> (f == 'f')) * state:,}"}
    choose = c_text(_PACKAGE, "choose.c", prefix=prefix, number=number, uniform=number, f=f)
    constants = constants_text(layout, read_constants(layout, programs.values()), "", "memory", number)
    program = "\n".join(
        [
            f'#include "{prefix}.h"\n',
            memory_struct(layout, "memory", number, _WEIGHTS) + body.text,
            f"enum {{ VOCABULARY = {config.vocab_size} }};\n",
            constants,
            exact_text(prefix, number),
            c_text(_PACKAGE, "inference.c", choose=choose, positions=", ".join(names), **holes),
        ]
    )
    heading = f"/* Made for {config} by microgpt, to sample. Do not edit. */\n"
    text = f"{heading}{prelude(1, number, program)}\n{program}"
    declarations = c_text(_PACKAGE, "inference.h", exactness=exactness(prefix, number), **holes)
    return InferenceSource(text, declarations, programs, layout, state, family)


def _family(config: GPTConfig) -> tuple[Family, Layout]:
    """The programs of all positions."""
    if is_sized(config):
        try:
            loops = sized_loops(config, sized_model(config.n_layer))
            return loops.inference, loops.layout
        except NotRegularError:
            check(estimate_flat(config))
    layout = Layout()
    return flat_inference(config, lambda what, kind="", number=0: None, layout)[0], layout
