"""The library of programs: found in the cache, compiled side by side, named by what decides their text."""

import os
from dataclasses import replace

import pytest

from microgpt.compiler.errors import CompileError
from microgpt.model.config import AdamConfig, GPTConfig
from microgpt.runtime.cache import Cache
from microgpt.runtime.compile_pool import compile_elsewhere
from microgpt.runtime.library import Library
from microgpt.runtime.program import compile_pieces, load_program
from microgpt.runtime.recipe import Recipe

TINY = GPTConfig(vocab_size=3, n_embd=2, n_head=1, block_size=3)
RECIPES = [Recipe("training", length, TINY) for length in (1, 2, 3)] + [Recipe("optimizer", 0, AdamConfig())]


@pytest.fixture
def cache(tmp_path):
    return Cache.open(tmp_path)


def test_compiled_once_then_found(cache, monkeypatch):
    seen = []
    Library(cache, jobs=1).prepare(RECIPES, lambda done, total: seen.append((done, total)))
    assert seen == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    monkeypatch.setattr(Library, "compile", None)
    library = Library(cache, jobs=1)
    assert library.missing(RECIPES) == []
    (loss,), gradient = library.get(RECIPES[0]).run([0.5] * TINY.parameter_count, [0], [1])
    assert loss > 0
    assert len(gradient) == TINY.parameter_count


def test_workers_write_what_one_process_writes(cache, tmp_path):
    Library(cache, jobs=2).prepare(RECIPES)
    alone = Library(Cache.open(tmp_path / "alone"), jobs=1)
    for recipe in RECIPES:
        found = load_program(cache, recipe.key)
        assert found is not None
        assert found.path.read_bytes() == alone.get(recipe).path.read_bytes()


def test_a_worker_that_fails_says_why(cache):
    impossible = Recipe("training", TINY.block_size + 1, TINY)  # there is no embedding for its last position
    with pytest.raises(CompileError, match=r"training program 4 could not be compiled: IndexError"):
        list(compile_elsewhere(cache.folder, [impossible], jobs=1))


def test_a_worker_that_dies_is_an_error(cache, monkeypatch):
    monkeypatch.setattr("microgpt.runtime.compile_pool.sys.executable", "/bin/false" if os.name == "posix" else "where")
    with pytest.raises(CompileError, match="ended with status"):
        list(compile_elsewhere(cache.folder, RECIPES, jobs=1))


def test_keys_tell_programs_apart():
    shapes = [TINY, replace(TINY, n_layer=2), replace(TINY, n_head=2), replace(TINY, vocab_size=4)]
    recipes = [
        Recipe(kind, number, shape) for kind in ("training", "inference") for number in (1, 2) for shape in shapes
    ]
    keys = {recipe.key for recipe in recipes}
    assert len(keys) == len(recipes)
    assert Recipe("optimizer", 0, AdamConfig(learning_rate=0.5)).key == Recipe("optimizer", 0, AdamConfig()).key
    assert Recipe("optimizer", 0, AdamConfig(beta1=0.5)).key != Recipe("optimizer", 0, AdamConfig()).key


def test_recipes_survive_the_way_to_a_worker():
    for recipe in RECIPES:
        assert Recipe.from_json(recipe.to_json()) == recipe


def test_pieces_keep_the_lines_of_the_file():
    source = "A = 1\n\n\ndef f():\n    return A\n\n\ndef g(x):\n    y = [x for _ in range(2)]\n    return y / 0\n"
    namespace: dict = {}
    for piece in compile_pieces(source, "made.py"):
        exec(piece, namespace)
    with pytest.raises(TypeError) as caught:
        namespace["g"](1)
    assert caught.traceback[-1].lineno + 1 == 10
    assert namespace["f"]() == 1
