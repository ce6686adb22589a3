"""A row that is added to the table of operations, as CONTRIBUTING says, is all that the emitters need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from microgpt.compiler.ir.ops import OPS, Op, Type, is_closed
from microgpt.runtime.machine.toolchain import Toolchain

# The table is extended before anything else of the compiler is imported, as if the rows stood in its file.
SCRIPT = """
import math, sys
from pathlib import Path
from microgpt.compiler.ir import ops
from microgpt.compiler.ir.ops import Op, Type

ABS = len(ops.OPS)
ops.OPS += (
    Op("size", (Type.REAL,), Type.REAL, abs, None, "abs({a})", "fabs({a})", "a choice",
       c_lanes=sys.argv[2]),
)
ops.OPS_BY_NAME["size"] = ABS

from microgpt.compiler.ir.builder import GraphBuilder
from microgpt.compiler.ir.graph import Origin, Output, Tensor
from microgpt.compiler.ir.interpret import interpret
from microgpt.compiler.pipeline import compile_graph, compile_python
from microgpt.runtime.executable.executable import compile_executable
from microgpt.runtime.storage.cache import Cache
from microgpt.runtime.executable.program import compile_pieces

def graph():
    build = GraphBuilder("new", (Tensor("x", "x", 0, (33,)),), (), (Origin("", "new", "new.py", 1, "new"),))
    x = [build.input(number) for number in range(33)]
    lanes = [build.mul(build.node(ABS, x[lane]), x[32]) for lane in range(16)]
    alone = build.add(build.node(ABS, build.mul(x[0], x[17])), build.node(ABS, build.node(ABS, x[20])))
    total = x[16]
    for lane in range(16):
        total = build.add(total, build.node(ABS, x[16 + lane]))
    return build.finish([Output("lanes", tuple(lanes)), Output("alone", (alone, total))])

clean = compile_graph(graph, check=True)
arguments = {"x": [math.sin(number) * 3.7 for number in range(33)]}
expected = list(interpret(clean, arguments).values())
assert any(number != round(number) for number in expected[0])
namespace = {"__name__": "generated"}
for piece in compile_pieces(compile_python(clean), "new.py"):
    exec(piece, namespace)
assert list(namespace["run"](*arguments.values())) == expected
compiled = compile_executable(clean, "c", Cache.open(Path(sys.argv[1])))
assert compiled.run(*arguments.values()) == expected
text = compiled.path.read_text()
body = text[text.index("run_kernel0(") :]
assert "fabs(" in body or sys.argv[2]
assert ("magnitude" in body) == bool(sys.argv[2])
assert " abs(" not in body
print("done")
"""


@pytest.mark.parametrize("lanes", ["", "magnitude{w}({a})"], ids=["lane by lane", "in lanes"])
def test_a_new_row_is_emitted_as_it_says(lanes: str, toolchain: Toolchain, tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-c", SCRIPT, str(tmp_path), lanes]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "done\n"), result.stderr


# A function that users call: the row, and nothing else.
ASINH = """
import math
from microgpt.compiler import arithmetic
from microgpt.compiler.ir import ops

def slope(build, node, a):
    return build.div(build.const(1.0), build.call("sqrt", build.add(build.mul(a, a), build.const(1.0))))

arithmetic.asinh = math.asinh
row = ops.Op("asinh", (ops._R,), ops._R, math.asinh, ops._of_one(slope), "asinh({a})", "asinh({a})", ops._LIBM,
             zeros=ops._PASSES, libm=("asinh",), doc="the inverse hyperbolic sine", slope="1/sqrt(x*x + 1)")
ops.OPS_BY_NAME[row.name] = len(ops.OPS)
ops.CALLED += (len(ops.OPS),)
ops.OPS += (row,)
ops.LIBM[row.name] = 1

import microgpt

def function(x):
    return sum(microgpt.asinh(a) * a.asinh() + microgpt.asinh(0.25) for a in x) + microgpt.constant_maximum(x).asinh()

numbers = [0.3, -1.25, 2.0, -0.0, 3.5, 17.0, 0.01, -6.0, 1.0]
values = [microgpt.Value(number) for number in numbers]
total = function(values)
total.backward()
assert (microgpt.asinh(0.5), microgpt.asinh(math.inf)) == (math.asinh(0.5), math.inf)
assert microgpt.Value(2.0).asinh().data == math.asinh(2.0)
for target in ("python", "c"):
    compiled = microgpt.compile(function, numbers, target=target)
    assert compiled(numbers) == (total.data, [value.grad for value in values]), target
    assert ("asinh(" if target == "python" else "libm_asinh") in compiled.source
print("done")
"""


def test_a_function_is_one_row(toolchain: Toolchain, tmp_path: Path) -> None:
    """``asinh``: eager, traced, in Python and in C, for scalars and floats."""
    environment = {**os.environ, "MICROGPT_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-P", "-c", ASINH]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (result.returncode, result.stdout) == (0, "done\n"), result.stderr


SIGNS = """
from microgpt.compiler.ir import ops
from microgpt.compiler.ir.ops import Op, Type, Zeros
import math, sys

shown = {"known": Zeros((False, False), (False, False)), "unknown": Zeros()}[sys.argv[1]]
SIGN = len(ops.OPS)
ops.OPS += (Op("sign", (Type.REAL,), Type.REAL, lambda a: math.copysign(1.0, a), None,
               "copysign(1.0, {a})", "copysign(1.0, {a})", "a choice", zeros=shown),)
ops.OPS_BY_NAME["sign"] = SIGN

from microgpt.compiler.ir.builder import GraphBuilder
from microgpt.compiler.ir.graph import Origin, Output, Tensor
from microgpt.compiler.passes.simplify import simplify

build = GraphBuilder("signs", (Tensor("x", "x", 0, (1,)),), (), (Origin("", "signs", "signs.py", 1, "signs"),))
sum_ = build.add(build.input(0), build.const(0.0))
graph = simplify(build.finish([Output("out", (build.node(SIGN, sum_),))])).graph
print(ops.ADD in graph.op)
"""


@pytest.mark.parametrize(("shown", "stays"), [("known", False), ("unknown", True)])
def test_a_sum_with_zero_stays_where_a_row_may_show_its_sign(shown: str, stays: bool) -> None:
    """``-0.0 + 0`` is 0.0, of which the sign is another one."""
    command = [sys.executable, "-P", "-c", SIGNS, shown]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, f"{stays}\n"), result.stderr


@pytest.mark.parametrize(
    ("column", "spelling"),
    [
        ("c", "({a} > 0.0 ? {a} : -{a})"),
        ("c", "fabs(x)"),
        ("c", "fabs({a}, {n})"),
        ("c_lanes", "magnitude{w}({a}, {b})"),
        ("python", "abs()"),
    ],
)
def test_a_spelling_that_is_not_of_the_operands_is_refused(column: str, spelling: str) -> None:
    columns = {"python": "abs({a})", "c": "fabs({a})", "c_lanes": "", column: spelling}
    with pytest.raises(ValueError, match="the spelling"):
        Op("abs", (Type.REAL,), Type.REAL, abs, None, exact="a choice", **columns)


def test_closed_spellings() -> None:
    assert is_closed("fabs({a})")
    assert is_closed("({a} > 0.0)")
    assert not is_closed("({a}) + ({b})")
    assert not is_closed("f({a}) * 2.0")
    assert not is_closed("{a} + {b}")


def test_what_the_emitters_know_of_zeros_is_what_the_rows_compute() -> None:
    """No row that says so gives a negative zero, or hands on or shows the sign of a zero."""
    samples = [0.0, 1.0, -1.0, 2.5, float("inf")]
    for row in OPS:
        if row.evaluate is None or Type.FLAG in row.types or Type.INDEX in row.types or row.name == "pow":
            continue
        for place in range(len(row.types)):
            shown, handed_on = (flags[min(place, len(flags) - 1)] for flags in (row.zeros.shown, row.zeros.handed_on))
            for other in samples:
                operands = [[zero if at == place else other for at in range(len(row.types))] for zero in (0.0, -0.0)]
                positive, negative = (row.evaluate(*values) for values in operands)
                if not shown:
                    assert positive == negative or positive != positive, row.name
                if not handed_on:
                    assert str(positive) == str(negative) or shown, row.name
                assert row.zeros.negative or "-0.0" not in (str(positive), str(negative)), row.name
