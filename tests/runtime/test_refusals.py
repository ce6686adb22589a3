"""What cannot be traced is an error that names the user's line, even if the function catches it."""

from __future__ import annotations

import collections
import contextlib
import copy
import functools
import inspect
import math
import pickle
import statistics
from collections.abc import Callable
from typing import Any

import pytest
from small_graphs import traced

from microgpt.compiler.errors import TraceError
from microgpt.compiler.functions import maximum, select, tanh
from microgpt.compiler.ir.graph import Tensor
from microgpt.compiler.ir.ops import OPS
from microgpt.compiler.trace import trace


def _branch(x: Any, i: Any) -> Any:
    if x[0] > 0:
        return x[1]
    return x[2]


def _truth(x: Any, i: Any) -> Any:
    return x[1] if x[0] else x[2]


def _equality(x: Any, i: Any) -> Any:
    return x[1] if x[0] == 0.0 else x[2]


def _inequality(x: Any, i: Any) -> Any:
    return x[1] if i[0] != 2 else x[2]


def _float(x: Any, i: Any) -> Any:
    return x[0] * float(x[1])


def _math(x: Any, i: Any) -> Any:
    return x[0] * math.sin(x[1])


def _list_index(x: Any, i: Any) -> Any:
    return x[i[0]]


def _count(x: Any, i: Any) -> Any:
    return sum(x[n] for n in range(i[0]))


def _modulo(x: Any, i: Any) -> Any:
    return x[0] % 2


def _unknown(x: Any, i: Any) -> Any:
    return x[0].gamma()


def _data(x: Any, i: Any) -> Any:
    return x[0].data * 2


def _grad(x: Any, i: Any) -> Any:
    return x[0].grad


def _index_arithmetic(x: Any, i: Any) -> Any:
    return x[0] + (i[0] + 1)


def _index_method(x: Any, i: Any) -> Any:
    return x[0] * i[0].exp()


def _index_function(x: Any, i: Any) -> Any:
    return x[0] * tanh(i[0])


def _index_absolute(x: Any, i: Any) -> Any:
    return x[0] * abs(i[0])


def _index_maximum(x: Any, i: Any) -> Any:
    return maximum(i[0], x[0])


def _index_exponent(x: Any, i: Any) -> Any:
    return x[0] ** i[0]


def _index_as_scalar(x: Any, i: Any) -> Any:
    return x[0] * i[0]


def _text(x: Any, i: Any) -> Any:
    return x[0] + "1"


def _divide_by_text(x: Any, i: Any) -> Any:
    return x[0] / "1"


def _too_large(x: Any, i: Any) -> Any:
    return x[0] * 10**400


def _round(x: Any, i: Any) -> Any:
    return x[0] * round(x[1])


def _builtin_max(x: Any, i: Any) -> Any:
    return max(x)


def _too_few(x: Any, i: Any) -> Any:
    return select(x[:2], i[0])


def _integer_of_many_digits(x: Any, i: Any) -> Any:
    return x[0] - 10**5000


def _division_by_a_factorial(x: Any, i: Any) -> Any:
    return x[0] / math.factorial(171)


def _integer_exponent(x: Any, i: Any) -> Any:
    return x[0] ** 10**400


def _subtract_none(x: Any, i: Any) -> Any:
    return x[0] - None


def _raise_to_none(x: Any, i: Any) -> Any:
    return x[0] ** None


def _add_a_complex(x: Any, i: Any) -> Any:
    return x[0] + 1j


def _floor_division(x: Any, i: Any) -> Any:
    return 2 // x[0]


def _remainder(x: Any, i: Any) -> Any:
    return divmod(7, x[0])


def _floor(x: Any, i: Any) -> Any:
    return x[0] * math.floor(x[1])


def _integer(x: Any, i: Any) -> Any:
    return x[0] * int(x[1])


def _format(x: Any, i: Any) -> Any:
    return f"{x[0]:.3f}"


def _percent(x: Any, i: Any) -> Any:
    return "%.3f" % x[0]  # noqa: UP031


def _hypot(x: Any, i: Any) -> Any:
    return math.hypot(x[0], x[1])


def _reduce(x: Any, i: Any) -> Any:
    return functools.reduce(lambda a, b: a if a > b else b, x)


def _statistics(x: Any, i: Any) -> Any:
    return statistics.fmean(x)


def _exact_mean(x: Any, i: Any) -> Any:
    return statistics.mean(x)


def _deepcopy(x: Any, i: Any) -> Any:
    return copy.deepcopy(x)[0]


def _copy(x: Any, i: Any) -> Any:
    return copy.copy(x[0])


def _pickle(x: Any, i: Any) -> Any:
    return pickle.loads(pickle.dumps(x[0]))


def _length(x: Any, i: Any) -> Any:
    return len(x[0])


def _loop(x: Any, i: Any) -> Any:
    return [a for a in x[0]]  # noqa: C416


def _assigned(x: Any, i: Any) -> Any:
    x[0].data = 1.0


def _uneven_rows(x: Any, i: Any) -> Any:
    return select([x[:2], x[:1], x[:2]], i[0])


REFUSED = [
    (_branch, "compared"),
    (_truth, "used as a condition"),
    (_equality, "were compared"),
    (_inequality, "were compared"),
    (_float, "read as a plain number"),
    (_math, "read as a plain number"),
    (_list_index, r"select\(values, index\)"),
    (_count, r"select\(values, index\)"),
    (_modulo, "no traced operation"),
    (_unknown, "no operation 'gamma'"),
    (_data, r"read \(\.data\)"),
    (_grad, r"read \(\.grad\)"),
    (_index_arithmetic, "index cannot be computed with"),
    (_index_method, "index cannot be computed with"),
    (_index_function, "index cannot be computed with"),
    (_index_absolute, "index cannot be computed with"),
    (_index_maximum, "index cannot be computed with"),
    (_index_exponent, "TracedIndex is not a scalar"),
    (_index_as_scalar, "not a scalar"),
    (_text, "str is not a scalar"),
    (_divide_by_text, "str is not a scalar"),
    (_too_large, "this int is too large for a double"),
    (_integer_of_many_digits, "this int is too large for a double"),
    (_division_by_a_factorial, "this int is too large for a double"),
    (_integer_exponent, "this int is too large for a double"),
    (_subtract_none, "NoneType is not a scalar"),
    (_raise_to_none, "NoneType is not a scalar"),
    (_add_a_complex, "complex is not a scalar"),
    (_floor_division, "no traced operation"),
    (_remainder, "no traced operation"),
    (_floor, "made a whole number"),
    (_integer, "made a whole number"),
    (_format, "formatted as a number"),
    (_percent, "read as a plain number"),
    (_hypot, "read as a plain number"),
    (_reduce, "compared"),
    (_statistics, r"read as a plain number .* \(in statistics\.fmean\)"),
    (_exact_mean, "can't convert type 'TracedScalar'"),
    (_deepcopy, r"copy the lists that hold it: list\(values\) \(in copy\.deepcopy\)"),
    (_copy, "copied or pickled"),
    (_pickle, "copied or pickled"),
    (_length, r"'TracedScalar' has no len\(\)"),
    (_loop, "'TracedScalar' object is not iterable"),
    (_assigned, "'TracedScalar' object"),
    (_uneven_rows, "rows of different lengths"),
    (_round, "made a whole number"),
    (_builtin_max, r"write where\(condition, a, b\), maximum\(\)"),
    (_too_few, "an index can be up to 2, but there are only 2 values to select from"),
]


@pytest.mark.parametrize(("function", "problem"), REFUSED, ids=lambda value: getattr(value, "__name__", ""))
def test_refusal_names_the_line(function: Callable[..., Any], problem: str) -> None:
    lines, first = inspect.getsourcelines(function)
    with pytest.raises(TraceError, match=problem) as caught:
        traced(function, i=(2, 3))
    message = str(caught.value)
    assert message.startswith(f"test_refusals.py:{first + 1}: ")
    assert lines[1].strip() in message


@pytest.mark.parametrize(
    ("function", "problem"),
    [pair for pair in REFUSED if pair[0] not in (_exact_mean, _length, _loop, _assigned, _unknown)],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_refusal_that_is_caught_is_one(function: Callable[..., Any], problem: str) -> None:
    def careless(x: Any, i: Any) -> Any:
        with contextlib.suppress(Exception):
            function(x, i)
        return x[0]

    with pytest.raises(TraceError, match=problem) as caught:
        traced(careless, i=(2, 3))
    assert str(caught.value).startswith(f"test_refusals.py:{inspect.getsourcelines(function)[1] + 1}: ")


def test_what_is_not_there_can_be_asked_for() -> None:
    def function(x: Any) -> Any:
        if hasattr(x[0], "acosh") or getattr(x[0], "tolist", None) is not None:
            return x[0].acosh()
        try:
            return x[0].logistic()
        except AttributeError:
            return 1 / (1 + (-x[0]).exp())

    assert "exp" in {OPS[op].name for op in traced(function).op}


def test_a_mistake_in_a_nested_function_names_the_innermost_line_of_the_user() -> None:
    def compare(a: Any, b: Any) -> int:
        return -1 if a < b else 1

    line = inspect.getsourcelines(compare)[1] + 1
    with pytest.raises(TraceError, match=rf"^test_refusals\.py:{line}: .*compared"):
        traced(lambda x: sorted(x, key=functools.cmp_to_key(compare))[0])


def test_operations_in_a_library_come_from_the_users_line() -> None:
    def function(x: Any) -> Any:
        counter: Any = collections.Counter(a=1)
        counter.update({"a": x[0]})  # adds, in the library's Python code
        return counter["a"]

    graph = traced(function)
    (line,) = {(origin.file, origin.line) for origin in graph.origins if origin.line}
    assert line == ("test_refusals.py", inspect.getsourcelines(function)[1] + 2)


def test_the_users_own_errors_stay_what_they_are() -> None:
    def recursive(x: Any) -> Any:
        return recursive(x) + x[0]

    with pytest.raises(RecursionError):
        traced(recursive)
    with pytest.raises(TypeError, match=r"unsupported operand type\(s\) for \+: 'int' and 'str'") as caught:
        traced(lambda x: x[0] + (1 + "1"))  # type: ignore[operator]
    assert not isinstance(caught.value, TraceError)


@pytest.mark.parametrize("result", [None, "1", [1.0], 1j, 10**400])
def test_a_result_that_is_no_scalar_names_the_function(result: Any) -> None:
    def function(x: Any) -> Any:
        return result

    def forward(inputs: Any, indices: Any) -> Any:
        return {"loss": [function(inputs["x"])]}

    tensors = [Tensor("x", "x", 0, (1,))]
    kind = type(result).__name__
    with pytest.raises(TraceError, match=rf"^mine returned: (this )?{kind} is "):
        trace(forward, "mine", tensors)
    forward.__wrapped__ = function  # type: ignore[attr-defined]
    line = inspect.getsourcelines(function)[1]
    with pytest.raises(TraceError, match=rf"^test_refusals\.py:{line}: .*function returned: (this )?{kind} is "):
        trace(forward, "mine", tensors)
