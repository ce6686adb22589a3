"""Interpret loops: carries a program of loop nests out on numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import ProofError
from ..ir.ops import OPS
from .layout import Layout
from .loop_ir import LoopProgram
from .run_loops import addresses_of_places, run_program

__all__ = ["NumberDomain", "interpret_loops"]


class NumberDomain:
    """Memory holds numbers."""

    def __init__(self, program: LoopProgram, layout: Layout, memory: list[float], index: Sequence[int]) -> None:
        self.memory, self.layout = memory, layout
        self.index = index
        self.places = addresses_of_places(program, layout)

    def row(self, base: int, stride: int, index: int) -> float:
        return self.memory[base + stride * self.index[index]]

    def pick(self, start: int, index: int) -> float:
        return self.memory[self.places[start + self.index[index]]]

    def const(self, text: str) -> float:
        return float.fromhex(text)

    def equal(self, index: int, number: int) -> bool:
        return self.index[index] == number

    def apply(self, op: int, operands: list[float]) -> float:
        rule = OPS[op].evaluate
        if rule is None:
            raise ProofError(f"loops cannot carry out {OPS[op].name}")
        return rule(*operands)

    def add_products(
        self, op: int, total: float | None, a: int, a_step: int, b: int, b_step: int, count: int
    ) -> float | None:
        memory = self.memory
        for _ in range(count):
            value = memory[a] * memory[b]
            total = value if total is None else self.apply(op, [total, value])
            a += a_step
            b += b_step
        return total

    def add_to_row(self, base: int, stride: int, index: int, value: float) -> None:
        self.memory[base + stride * self.index[index]] += value


def interpret_loops(
    program: LoopProgram,
    layout: Layout,
    arguments: Mapping[str, Sequence[float]],
    index: Sequence[int] = (),
) -> dict[str, list[float]]:
    """The outputs of the program, by name. Memory that nothing was assigned to holds NaN."""
    memory = [float("nan")] * layout.size
    for address, text in layout.constants.items():
        memory[address] = float.fromhex(text)
    for name, values in arguments.items():
        start, size = layout.arguments[name]
        memory[start : start + size] = values
    for span in program.zeros:
        start = layout.start(span.array) + span.start
        memory[start : start + span.size] = [0.0] * span.size
    run_program(program, NumberDomain(program, layout, memory, index))
    return {name: memory[start : start + size] for name, (start, size) in layout.outputs.items()}
