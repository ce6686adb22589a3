"""Arguments into flat memory and back: the generated code agrees with the walk, and what is wrong is named."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict, namedtuple
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgpt.runtime.executable import marshal_code
from microgpt.runtime.executable.marshal_code import MISMATCHES
from microgpt.runtime.executable.nodes import Index, Scalar, build, doubles_in
from microgpt.runtime.executable.results import Results
from microgpt.runtime.executable.structure import Structure, structure_of
from microgpt.runtime.executable.wanted import Wanted
from microgpt.runtime.value import Value

Pair = namedtuple("Pair", "first second")

FIXED = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3))
LEAVES = st.one_of(st.floats(allow_nan=False), st.integers(1, 9).map(Index), FIXED)
ARRAYS = st.lists(st.floats(allow_nan=False), max_size=5).map(lambda numbers: array("d", numbers))


def read(structure: Structure, arguments: Sequence[Any]) -> tuple[list[float], list[int]]:
    """What the generated code reads: floats, in the order of the inputs, and indices."""
    memory = {"parameters": doubles(structure.size), "data": doubles(sum(map(doubles_in, structure.nodes)))}
    indices = memoryview(array("i", [0]) * sum(tensor.count for tensor in structure.indices))
    marshal_code.reader_maker(structure)(memory, indices)(arguments)
    count = sum(map(doubles_in, structure.nodes)) - structure.size
    return memory["parameters"].tolist() + memory["data"][:count].tolist(), indices.tolist()


def written(structure: Structure, floats: Sequence[float]) -> list[Any]:
    """What a compiled function returns for a gradient in several arguments."""
    maker = marshal_code.writer_maker(structure, Wanted(single=False, value=False), Results(Scalar()))
    return list(maker({"gradient": memoryview(array("d", floats))})())


def doubles(count: int) -> memoryview:
    return memoryview(array("d", [0.0] * count))


def rows(tree):
    """Several alike, since those become loops."""
    return st.tuples(tree, st.integers(0, 5)).map(lambda pair: [pair[0]] * pair[1])


def deeper(tree):
    return st.one_of(
        st.lists(tree, max_size=4),
        rows(tree),
        st.lists(tree, max_size=4).map(tuple),
        st.tuples(tree, tree).map(lambda pair: Pair(*pair)),
        st.dictionaries(FIXED, tree, max_size=3),
    )


TREES = st.recursive(st.one_of(LEAVES, ARRAYS), deeper, max_leaves=12)


def called_with(tree: Any) -> Any:
    """Arguments that are like the example."""
    if isinstance(tree, Index):
        return tree.limit - 1
    if isinstance(tree, dict):
        return {key: called_with(part) for key, part in tree.items()}
    if isinstance(tree, Pair):
        return Pair(*map(called_with, tree))
    return type(tree)(map(called_with, tree)) if isinstance(tree, list | tuple) else tree


def plain(tree: Any) -> Any:
    """With lists for arrays."""
    if isinstance(tree, dict):
        return {key: plain(part) for key, part in tree.items()}
    if isinstance(tree, list | tuple):
        return [plain(part) for part in tree]
    return list(tree) if isinstance(tree, array) else tree


@given(st.lists(TREES, max_size=3))
def test_the_code_does_what_the_walk_does(trees):
    structure = structure_of(["x", *(f"y{place}" for place in range(len(trees)))], [1.0, *trees])
    arguments = [1.0, *map(called_with, trees)]
    floats, indices = structure.flatten(arguments)
    assert read(structure, arguments) == (floats, indices)
    ahead = iter(floats)
    assert plain(written(structure, floats)) == plain([build(node, ahead) for node in structure.nodes])


@given(st.lists(TREES, min_size=1, max_size=4), st.data())
def test_data_lie_apart_from_what_is_differentiated_in(trees, data):
    trees = [[1.0, tree] for tree in trees]
    names = [f"y{place}" for place in range(len(trees))]
    wrt = data.draw(st.lists(st.sampled_from(range(len(trees))), min_size=1, unique=True))
    structure = structure_of(names, trees, wrt)
    arguments = [called_with(tree) for tree in trees]
    floats, indices = structure.flatten(arguments)
    alone = [structure_of([names[place]], [trees[place]]).floats([arguments[place]]) for place in range(len(trees))]
    others = [place for place in range(len(trees)) if place not in wrt]
    assert floats == [number for place in (*wrt, *others) for number in alone[place]]
    assert [tensor.name for tensor in structure.tensors] == [names[place] for place in (*wrt, *others)]
    assert read(structure, arguments) == (floats, indices)
    assert plain(written(structure, floats[: structure.size])) == plain(
        [build(structure.nodes[place], iter(alone[place])) for place in wrt]
    )


EXAMPLE = {"w": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], "p": (1.0, "tanh", 3), "i": Index(4)}


def call(**changes):
    return {"w": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], "p": (1.0, "tanh", 3), "i": 2} | changes


@pytest.mark.parametrize(
    ("argument", "error", "message"),
    [
        (call(w=[[1.0, 2.0], [3.0], [5.0, 6.0]]), TypeError, r"x\['w'\]\[1\] has 1 element, 2 in the example"),
        (call(w=[[1.0, 2.0], [3.0, "4"], [5.0, 6.0]]), TypeError, r"x\['w'\]\[1\]\[1\] must be a number, not '4'"),
        (call(w=[[1.0, 2.0], "ab", [5.0, 6.0]]), TypeError, r"x\['w'\]\[1\] must be a sequence of 2 elements"),
        (call(w=[[1.0, 2.0], [3.0, None], [5.0, 6.0]]), TypeError, r"x\['w'\]\[1\]\[1\] must be a number, not None"),
        (call(w=[[1.0, 2.0], [3.0, 10**400], [5.0, 6.0]]), OverflowError, r"x\['w'\]\[1\]\[1\] is too large"),
        (call(p=(1.0, "relu", 3)), TypeError, r"x\['p'\]\[1\] was 'tanh' in the example and is fixed"),
        (call(p=(1.0, "tanh", 4)), TypeError, "fixed, so it cannot be 4 now; a number that varies is a float"),
        (call(i=4), IndexError, r"x\['i'\] is 4, but must be from 0 to 3"),
        (call(i=1.0), TypeError, r"x\['i'\] must be a whole number, not 1\.0"),
        (call(q=1), TypeError, "x has a key 'q', which the example has not"),
        ({"w": []}, TypeError, r"x\['w'\] has 0 elements, 3 in the example"),
        ({}, TypeError, "x has no key 'w', which the example has"),
        ([1.0], TypeError, "x must be a dict, as in the example, not list"),
    ],
)
def test_what_is_wrong_is_named(argument, error, message):
    structure = structure_of(["x"], [EXAMPLE])
    with pytest.raises(MISMATCHES):
        read(structure, [argument])
    with pytest.raises(error, match=message):
        structure.flatten([argument])


def test_what_is_like_the_example_is_taken():
    structure = structure_of(["x", "n"], [[1.0, 2.0, 3.0], 7])
    for values in ((1, True, 2.5), array("f", [1, 1, 2.5]), [Fraction(1), 1, Fraction(5, 2)]):
        assert structure.flatten([values, 7]) == ([1.0, 1.0, 2.5], [])


class Row(list[float]):
    """Of another length than it says."""

    def __len__(self) -> int:
        return 2


class Twice(Pair):
    """A named tuple that is made otherwise."""

    def __new__(cls, number: float) -> Twice:
        return super().__new__(cls, number, number)


@pytest.mark.parametrize(
    ("example", "argument", "error", "message"),
    [
        (defaultdict(float, a=1.0), defaultdict(float, b=1.0), TypeError, "x has a key 'b', which the example has not"),
        (Counter(a=1.0), Counter(b=1.0), TypeError, "x has a key 'b', which the example has not"),
        ([1.0, 2.0], Row([1.0, 2.0, 3.0]), TypeError, "x has 3 elements, 2 in the example"),
        ([1.0, 2.0], {1.0, 2.0}, TypeError, "x must be a sequence of 2 elements"),
        ([1.0, 2.0], {1.0: 2.0, 3.0: 4.0}, TypeError, "x must be a sequence of 2 elements"),
        ([1.0, 2.0], (number for number in (1.0, 2.0)), TypeError, "x must be a sequence of 2 elements"),
        ([1.0, 2.0], [1.0, Value(2.0)], TypeError, r"x\[1\] must be a number, not Value"),
        ([1.0, 0], [1.0, -0.0], TypeError, r"x\[1\] was 0 in the example and is fixed, so it cannot be -0.0"),
        ([1.0, 1], [1.0, True], TypeError, r"x\[1\] was 1 in the example and is fixed, so it cannot be True"),
        ([1.0, True], [1.0, 1], TypeError, r"x\[1\] was True in the example and is fixed, so it cannot be 1"),
        ([1.0, None], [1.0, array("d", [1.0])], TypeError, r"x\[1\] was None in the example and is fixed"),
    ],
)
def test_what_only_looks_like_the_example_is_refused(example, argument, error, message):
    structure = structure_of(["x"], [example])
    before = dict(argument) if isinstance(argument, dict) else None
    with pytest.raises(MISMATCHES):
        read(structure, [argument])
    with pytest.raises(error, match=message):
        structure.flatten([argument])
    assert before is None or argument == before


def test_numpy_neither_hides_nor_loses_anything():
    numpy = pytest.importorskip("numpy", reason="numpy is not installed")
    with pytest.raises(TypeError, match=r"x\[0\] must be a number"):
        structure_of(["x"], [[1.0, 2.0]]).flatten([numpy.array([1 + 1j, 2])])
    with pytest.raises(TypeError, match=r"x\[1\] was None in the example and is fixed"):
        structure_of(["x"], [[1.0, None]]).flatten([[1.0, numpy.array([1, 2])]])
    assert structure_of(["x"], [[1.0, 2.0]]).flatten([numpy.array([1.0, 2.0], dtype=">f8")]) == ([1.0, 2.0], [])


@pytest.mark.parametrize(("example", "result"), [(Row([1.0, 2.0]), [3.0, 4.0]), (Twice(1.0), Twice._make([3.0, 4.0]))])
def test_subclasses_have_the_result_of_their_base(example, result):
    structure = structure_of(["x"], [example])
    for found in (*written(structure, [3.0, 4.0]), build(structure.nodes[0], iter([3.0, 4.0]))):
        assert (found, type(found)) == (result, type(result))


def contains_itself() -> list[Any]:
    tree: list[Any] = [1.0]
    tree.append(tree)
    return tree


def deep() -> list[Any]:
    tree: list[Any] = [1.0]
    for _ in range(2000):
        tree = [tree]
    return tree


@pytest.mark.parametrize("make", [contains_itself, deep])
def test_depth_has_a_limit(make):
    with pytest.raises(ValueError, match="more than 50 levels deep, or contains itself"):
        structure_of(["x"], [make()])


class Settings:
    """Something that can be changed in place."""


@pytest.mark.parametrize("fixed", [{1, 2}, bytearray(b"ab"), Settings(), array("i", [1, 2])], ids=type)
def test_what_could_change_unseen_is_refused(fixed):
    with pytest.raises(TypeError, match=r"x\[1\] is .*, which could change without being seen: pass floats"):
        structure_of(["x"], [[1.0, fixed]])


def test_the_example_may_change_afterwards():
    example = [[1.0, 2.0], [3.0, 4.0]]
    structure = structure_of(["x"], [example])
    example[0].append(5.0)
    assert structure.flatten([[[1.0, 2.0], [3.0, 4.0]]]) == ([1.0, 2.0, 3.0, 4.0], [])


def test_arrays_go_in_and_come_out():
    numpy = pytest.importorskip("numpy", reason="numpy is not installed")
    matrix, vector, single = numpy.arange(6.0).reshape(2, 3), array("d", [7.0, 8.0]), numpy.float32(9.0)
    structure = structure_of(["x", "y", "z", "v"], [matrix, vector, single, memoryview(vector)])
    memory = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 8.0, 9.0, 7.0, 8.0]
    assert read(structure, [matrix, vector, 9.0, memoryview(vector)]) == (memory, [])
    outputs = memoryview(array("d", memory))
    write = marshal_code.writer_maker(structure, Wanted(single=False, value=False), Results(Scalar()))
    x, y, z, v = write({"gradient": outputs})()
    assert (x == matrix).all()
    assert (x.shape, x.dtype, y, z, v.tolist()) == ((2, 3), numpy.float64, vector, 9.0, [7.0, 8.0])
    x[0, 0] = 5.0  # a copy of its own
    assert outputs[0] == 0.0
    # Neither the layout nor the precision matters, only the shape.
    for other in (numpy.asfortranarray(matrix), matrix.astype(numpy.float32), matrix.astype(int), matrix.tolist()):
        assert structure.flatten([other, vector, 9.0, vector])[0] == memory
    with pytest.raises(TypeError, match=r"x\[0\] has 2 elements, 3 in the example"):
        structure.flatten([matrix.T.reshape(2, 3)[:, :2], vector, 9.0, vector])
    assert structure_of(["x", "n"], [1.0, numpy.int64(3)]).flatten([1, 3]) == ([1.0], [])
