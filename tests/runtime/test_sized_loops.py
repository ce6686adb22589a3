"""Programs of models that are instantiated from those of small ones: the same as if their graphs had been made."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

import microgpt
from microgpt.compiler.errors import ProofError
from microgpt.compiler.kernels.fuse import fuse
from microgpt.compiler.kernels.merge import Series
from microgpt.compiler.loops.loop_ir import Load, walk
from microgpt.compiler.loops.loop_text import format_program
from microgpt.compiler.loops.place import NotRegularError
from microgpt.compiler.loops.reuse import check_reuse
from microgpt.compiler.loops.verify_loops import verify_loops
from microgpt.model.config import AdamConfig, GPTConfig
from microgpt.runtime.backends.backend import Document, EagerBackend, State
from microgpt.runtime.backends.c_backend import CBackend
from microgpt.runtime.machine.toolchain import Toolchain
from microgpt.runtime.programs import c_source, model_loops, shapes
from microgpt.runtime.programs import sized_loops as sized_loops_module
from microgpt.runtime.programs.c_source import model_source
from microgpt.runtime.programs.jax_source import jax_source
from microgpt.runtime.programs.model_loops import FinalPrograms, ModelLoops, with_copies
from microgpt.runtime.programs.shapes import Shape, is_sized, witnessed
from microgpt.runtime.programs.sized_cache import find_sized, keep_sized
from microgpt.runtime.programs.sized_loops import SizedModel, sized_loops, sized_model
from microgpt.runtime.storage.cache import Cache

if TYPE_CHECKING:
    from conftest import Golden

ROOT = Path(__file__).parents[2]
# Few heads, few numbers in them, few tokens, short documents; sizes that are the same; and wide ones.
SHAPES = (
    Shape(1, 4, 5, 6, 3, 2),
    Shape(1, 9, 2, 3, 2, 1),
    Shape(2, 2, 3, 4, 4, 3),
    Shape(2, 5, 27, 2, 2, 1),
    Shape(3, 3, 3, 3, 3, 2),
    Shape(3, 3, 4, 14, 13, 12),
)
LARGER = (
    Shape(8, 2, 5, 3, 3, 2),
    Shape(4, 4, 16, 16, 4, 15),
    Shape(2, 16, 12, 3, 2, 2),
    Shape(5, 5, 60, 7, 2, 6),
)


@pytest.mark.parametrize("kind", ["training", "accumulation"])
def test_a_few_lengths_say_what_the_c_of_all_is(kind: str, monkeypatch: pytest.MonkeyPatch):
    """The same functions are written if every program is made."""
    config = GPTConfig(27, 1, 16, 4, 16)
    few = model_source(config, AdamConfig(), kind=kind)
    assert len(few.programs.made) < len(few.programs) // 2
    of_all = c_source.with_copies

    def with_all(loops: ModelLoops) -> FinalPrograms:
        return of_all(replace(loops, regular={}))

    monkeypatch.setattr(c_source, "with_copies", with_all)
    every = model_source(config, AdamConfig(), kind=kind)
    assert len(every.programs.made) == len(every.programs)
    functions, others = (sorted(each.body.text.split("\n\n")) for each in (few, every))
    assert functions == others
    assert (few.head, few.driver) == (every.head, every.driver)
    assert few.programs["length7"] == every.programs["length7"]


def test_programs_that_do_not_say_what_all_are_are_all_made(monkeypatch: pytest.MonkeyPatch):
    config = GPTConfig(27, 1, 16, 4, 16)
    text = model_source(config, AdamConfig()).text

    def between(series: Series, routed: object, number: int) -> None:
        raise NotRegularError("as if it were not")

    monkeypatch.setattr(Series, "between", between)
    every = model_source(config, AdamConfig())
    assert len(every.programs.made) == len(every.programs)
    assert every.text == text


def some_shape(random: Random) -> Shape:
    heads, block = random.randint(1, 8), random.randint(2, 20)
    length = random.randint(2, min(block, 6))
    head_size = random.randint(2, max(2, 24 // heads))
    return Shape(heads, head_size, random.randint(2, 60), block, length, random.randint(1, block - 1))


@pytest.mark.parametrize(
    "shape", [*SHAPES, *(pytest.param(shape, marks=pytest.mark.slow) for shape in LARGER)], ids=str
)
def test_programs_of_any_sizes_are_their_graphs(shape: Shape):
    """Operation for operation, copies of matrices and all."""
    sized_model(1).prove_at(shape)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(24))
def test_a_sweep_of_sizes(number: int):
    random = Random(number)
    sized_model(random.choice((1, 1, 2, 3))).prove_at(some_shape(random))


@pytest.mark.slow
def test_layers_are_structure():
    sized_model(2).prove_at(Shape(2, 5, 6, 4, 3, 2))


def test_the_model_over_its_sizes(golden: Golden):
    """After a change that is meant: --renew-golden."""
    text = format_program(sized_model(1).programs.programs["length"])
    golden.check("gpt_length.sizes.txt", text)
    assert text.count("nest ;") == 73


def test_the_model_in_jax(golden: Golden):
    """Likewise. Whole arrays are read and assigned: an index of an array each is several times slower on a GPU."""
    text = jax_source(GPTConfig(vocab_size=27), AdamConfig(), find_sized=sized_model)
    golden.check("gpt_jax.py.txt", text)
    assert [line.partition(".at[")[0].split()[-1] for line in text.splitlines() if ".at[" in line] == ["wte_grad"]
    shown = next(line.strip() for line in (ROOT / "docs" / "jax.md").read_text().splitlines() if "mix = " in line)
    assert f"    {shown}\n" in text


@pytest.mark.parametrize("kind", ["training", "accumulation"])
def test_values_that_are_dead_make_room(kind: str):
    """In all programs, in the order in which they run; and no kernel assigns to what it reads elsewhere."""
    config = GPTConfig(11, 2, 30, 3, 40)
    loops, every = (sized_loops(config, sized_model(2, kind=kind), reuses=reuses) for reuses in (True, False))
    assert loops.layout.size < 0.6 * every.layout.size
    starts = [start for _, start, _ in every.layout.placed]
    assert len(set(starts)) == len(starts)
    final = with_copies(loops)
    for name in final.programs:
        program = final.whole(name)
        check_reuse(program, loops.layout)
        for group in fuse(program.nests):
            written = {nest.body.array for nest in group}
            used = written | {part.array for nest in group for part in walk(nest.body.value) if isinstance(part, Load)}
            rooms = {array: range(start := loops.layout.start(array), start + array.size) for array in used}
            for one, other in product(written, used):
                assert one == other or not set(rooms[one]) & set(rooms[other])


def test_each_layer_has_arrays_of_its_own():
    arrays = {
        array.name: array for array, _, _ in sized_loops(GPTConfig(11, 2, 30, 3, 7), sized_model(2)).layout.placed
    }
    assert arrays["layer0_scores"].axes == arrays["layer1_scores"].axes == ("position", "head", "")
    assert "scores" not in arrays
    single = {array.name for array, _, _ in sized_loops(GPTConfig(11, 1, 30, 3, 7), sized_model(1)).layout.placed}
    assert "scores" in single


def test_instantiated_programs_keep_the_rules_of_loops():
    config = GPTConfig(11, 1, 30, 2, 7)
    loops = sized_loops(config, sized_model(1))
    for family in loops.families:
        for program in family.programs.values():
            verify_loops(program, loops.layout)
    assert list(loops.training.programs) == [1, 2, 3, 4, 5, 6, 7]
    assert loops.layout.arguments["parameters"][1] == config.parameter_count


def test_heads_of_one_number_are_an_exception(monkeypatch: pytest.MonkeyPatch):
    """Their programs are found at the model's own sizes, and every one that is not witnessed is proved."""
    config = GPTConfig(3, 1, 2, 2, 7)
    with pytest.raises(NotRegularError, match="models of such small sizes are exceptions"):
        sized_loops(config, sized_model(1))
    assert model_source(config, AdamConfig()).reason == "the model is small"
    monkeypatch.setattr(c_source, "is_sized", lambda config: True)
    monkeypatch.setattr(shapes, "is_sized", lambda config: True)
    monkeypatch.setattr(shapes, "_WITNESSED", 4 * config.parameter_count)
    assert witnessed(config) == ([1, 2], 4)
    source = model_source(config, AdamConfig())
    assert source.reason.startswith("models of such small sizes are exceptions")
    proved = []
    monkeypatch.setattr(
        type(source.loops), "prove", lambda self, final, family, number: proved.append((family.name, number)) or 1
    )
    source.prove()
    assert {number for kind, number in proved if kind == "training"} == {1, 2, 3, 4, 5, 6, 7}
    assert {number for kind, number in proved if kind == "inference"} >= {0, 4, 5, 6}


def test_a_wrong_program_is_an_internal_error(monkeypatch: pytest.MonkeyPatch):
    """It is proved with every library, once in a process; and not taken for an exception."""
    good = sized_model(1)
    program = good.programs.programs["length"]
    nests = list(program.nests)
    at = next(
        number for number, nest in enumerate(nests) if "query[" in format_program(replace(program, nests=(nest,)))
    )
    nests[at] = replace(nests[at], body=replace(nests[at].body, value=nests[at - 1].body.value))
    wrong = replace(good.programs, programs={**good.programs.programs, "length": replace(program, nests=tuple(nests))})
    source = model_source(GPTConfig(5, 1, 32, 4, 3), AdamConfig())
    assert source.reason == ""
    loops = replace(source.loops, prove_origin=type(good)(1, wrong).prove)
    broken = replace(source, loops=loops, plain=loops)
    with pytest.raises(ProofError):
        broken.prove()
    source.prove()
    with pytest.raises(ProofError):  # also where other sizes are tried, which may be exceptions
        sized_loops(GPTConfig(11, 1, 12, 1, 7), type(good)(1, wrong))
    monkeypatch.setattr(type(good), "prove_at", pytest.fail)
    source.prove()


def test_which_models_are_instantiated():
    assert is_sized(GPTConfig())
    assert is_sized(GPTConfig(27, 2, 64, 4, 64))
    assert not is_sized(GPTConfig(7, 1, 4, 2, 9))


def test_what_is_witnessed():
    assert witnessed(GPTConfig()) == ([1, 2, 7, 16], 16)
    assert witnessed(GPTConfig(27, 1, 16, 4, 6)) == ([1, 2, 6], 6), "the longest fills no vector"
    assert witnessed(GPTConfig(27, 1, 64, 4, 16)) == ([1, 2, 7], 11)
    assert witnessed(GPTConfig(65, 4, 128, 4, 256)) == ([1, 2], 2)
    assert witnessed(GPTConfig(7, 1, 4, 2, 9)) == (range(1, 10), 9), "what is not instantiated is witnessed as a whole"
    assert witnessed(GPTConfig(65, 4, 128, 4, 1)) == ([1], 1)


def share_all_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every memory were large."""
    monkeypatch.setattr(sized_loops_module, "LARGE", 0)
    monkeypatch.setattr(model_loops, "LARGE", 0)


@pytest.mark.parametrize(("layers", "large"), [(1, False), (1, True), (2, True)])
def test_training_and_sampling_equal_the_eager_autograd(
    layers: int, large: bool, toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    if large:
        share_all_room(monkeypatch)
    config, optimizer = GPTConfig(9, layers, 14, 2, 6), AdamConfig()
    assert is_sized(config)
    random = Random(5)
    parameters = [random.gauss(0.0, 0.08) for _ in range(config.parameter_count)]
    documents = []
    for length in (6, 1, 2):
        tokens = [random.randrange(9) for _ in range(length + 1)]
        documents.append(Document(tokens[:-1], tokens[1:]))
    compiled = CBackend(config, optimizer, Cache.open(tmp_path))
    results = []
    for backend in (EagerBackend(config, optimizer), compiled):
        state = State(list(parameters))
        losses = backend.advance(state, documents, 10)
        cache: list[float] = []
        drawn = [backend.next_token(state.parameters, 0.5, token, at, cache) for at, token in enumerate([1, 2, 3])]
        results.append((losses, state.parameters, state.second_moment, drawn))
    assert results[0] == results[1]
    assert compiled.library.report["flat"] == ""


@pytest.mark.parametrize("name", ["exact", "fast"])
def test_batches_are_the_same_in_shared_room(
    name: str, toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """With threads, or side by side in vectors."""
    config, results, sizes = GPTConfig(9, 1, 16, 2, 6), [], list[int]()
    random = Random(5)
    tokens = [[random.randrange(9) for _ in range(length + 1)] for length in (6, 1, 2, 6, 5)]
    for folder in ("a", "b"):
        with microgpt.numerics(name):
            backend = CBackend(config, AdamConfig(), Cache.open(tmp_path / folder), batch_size=5, threads=2)
            state = State([0.01 * (place % 17 - 8) for place in range(config.parameter_count)])
            losses = [backend.advance(state, [Document(each[:-1], each[1:]) for each in tokens], 10) for _ in range(3)]
            results.append((losses, state.parameters))
            sizes.append(backend.library.functions.microgpt_memory())
        share_all_room(monkeypatch)
    assert results[0] == results[1]
    assert sizes[0] > sizes[1]


def test_the_next_width_needs_no_traces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What has been proved is kept, and nothing else."""
    cache, model = Cache.open(tmp_path), sized_model(1)
    assert find_sized(cache, 1) is model
    keep_sized(cache, model)
    keep_sized(cache, model)
    (key,) = cache.entries()
    assert key.startswith("sizes1-")
    known = find_sized(cache, 1)
    assert known == model
    assert known is not model
    monkeypatch.setattr(SizedModel, "prove_at", pytest.fail)
    known.prove()
    config = GPTConfig(5, 1, 32, 4, 3)
    assert sized_loops(config, known).training.programs == sized_loops(config, model).training.programs
    (tmp_path / key / "programs.json").write_bytes(b"broken")
    assert find_sized(cache, 1) is model
