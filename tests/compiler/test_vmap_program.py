"""A program for several instances computes for each what the program for one does, and adds up what they share."""

from __future__ import annotations

from random import Random

import pytest
from loop_texts import program_of

from microgpt.compiler.loops.interpret_loops import interpret_loops
from microgpt.compiler.loops.place import NotRegularError
from microgpt.compiler.loops.vmap_program import VmapPrograms

# `w` and what is added up in `g`, `h` and `t` are shared.
PROGRAM = """
    program f
    array w[10][12] argument double
    array x[10] argument double
    array g[10][12] argument double
    array h[12] argument double
    array t[10][12] argument double
    array y[10][12] value double
    array z[12] value double
    array r[1] output double
    nest
        for i < 10; for j < 12
            y[i][j] = add(mul(w[ix[i]][j], x[i]), equal(ix[i], j))
    nest
        for j < 12
            z[j] = fold add { k < 10: mul(y[k][j], w[k][j]) }
    nest
        r[0] = fold add { k < 12: z[k] }
    nest
        for i < 10; for j < 12
            g[i][j] = fold add { k < 1: g[i][j]; k < 3: mul(y[-1*k+i][j], z[k]) }
    nest
        for j < 12
            h[j] = add(h[j], mul(z[j], 2.0))
    nest
        for i < 10; for j < 12
            t[ix[i]][-1*j+11] += y[i][-1*j+11]
"""
SHARED = ("w", "g", "h", "t")
LANES = 4


def test_a_program_for_several_instances() -> None:
    text = PROGRAM.replace("; for", "\n        for").replace("y[-1*k+i][j]", "y[k][j]")
    program, layout = program_of(text)
    for name in ("g", "h", "t"):
        layout.outputs[name] = layout.arguments[name]
    mapped = VmapPrograms(layout, [program], SHARED, LANES)
    changed = mapped.program(program)
    assert mapped.layout.outputs.keys() == layout.outputs.keys()
    random = Random(3)
    size = {name: size for name, (_, size) in layout.arguments.items()}
    shared = {name: [random.gauss(0, 1) for _ in range(size[name])] for name in SHARED}
    own = [[random.gauss(0, 1) for _ in range(size["x"])] for _ in range(LANES)]
    indices = [[random.randrange(10) for _ in range(10)] for _ in range(LANES)]

    one_by_one, results = dict(shared), []
    for x, index in zip(own, indices, strict=True):
        found = interpret_loops(program, layout, {**one_by_one, "x": x}, index)
        results.append(found["r"][0])
        one_by_one.update((name, found[name]) for name in ("g", "h", "t"))

    # Outputs and arguments that each instance has are as many times larger.
    for spans in (mapped.layout.arguments, mapped.layout.outputs):
        spans.update((name, (start, size * LANES)) for name, (start, size) in spans.items() if name in ("x", "r"))
    rows = [number for row in zip(*own, strict=True) for number in row]
    index = [number for row in zip(*indices, strict=True) for number in row]
    found = interpret_loops(changed, mapped.layout, {**shared, "x": rows}, index)
    assert found["r"] == results
    for name in ("g", "h", "t"):
        assert found[name] == pytest.approx(one_by_one[name], rel=1e-12)


@pytest.mark.parametrize("statement", ["h[j] = exp(add(h[j], fold add { k < 3: x[k] }))", "memory[j] = x[0]"])
def test_what_cannot_be_shared(statement: str) -> None:
    program, layout = program_of(f"""
        program f
        array h[12] argument double
        array x[3] value double
        nest
            for j < 12
                {statement}
    """)
    with pytest.raises(NotRegularError):
        VmapPrograms(layout, [program], ("h",), LANES).program(program)
