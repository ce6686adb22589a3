"""The library of programs: found in the cache, compiled side by side, named by what decides their text."""

import json
import re
import sys
from dataclasses import replace

import pytest
from click.testing import CliRunner

from microgpt.compiler.errors import CompileError, TraceError
from microgpt.model.config import AdamConfig, GPTConfig
from microgpt.runtime.executable.program import compile_pieces, load_program
from microgpt.runtime.programs import compile_pool
from microgpt.runtime.programs.compile_pool import WorkerError, compile_elsewhere
from microgpt.runtime.programs.compile_worker import describe_error
from microgpt.runtime.programs.library import Library
from microgpt.runtime.programs.recipe import Recipe
from microgpt.runtime.storage.cache import Cache
from microgpt.tools.cli import cli

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


def test_a_mistake_of_ours_in_a_worker_is_none_of_the_model(cache):
    impossible = Recipe("training", TINY.block_size + 1, TINY)  # there is no embedding for its last position
    with pytest.raises(WorkerError, match=r"^the training program 4: IndexError: ") as caught:
        list(compile_elsewhere(cache.folder, [impossible], jobs=1))
    (note,) = caught.value.__notes__
    assert re.search(r'compile_worker\.py", line \d+(.|\n)*gpt\.py", line \d+(.|\n)*IndexError: ', note)


def worker(monkeypatch, code):
    """Puts a program in the place of each worker."""
    command = [sys.executable, "-c", f"import json, os, sys\nsys.stdin.readline()\n{code}"]
    monkeypatch.setattr(compile_pool, "python_command", lambda *_: command)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (CompileError("line 3: no such thing"), CompileError),
        (TraceError("line 3: no such thing"), TraceError),
        (MemoryError(), MemoryError),
        (OSError(28, "No space left on device", "/cache"), OSError),
        (OSError("no such disk"), OSError),
        (ZeroDivisionError("division by zero"), WorkerError),
    ],
)
def test_what_a_worker_raises_is_raised(error, kind, cache, monkeypatch):
    worker(monkeypatch, f"print({json.dumps(describe_error(error))!r})")
    with pytest.raises(kind) as caught:
        list(compile_elsewhere(cache.folder, RECIPES, jobs=1))
    assert type(caught.value) is kind
    if kind is WorkerError:
        assert str(caught.value) == "the training program 1: ZeroDivisionError: division by zero"
    else:
        assert str(caught.value) == str(error)


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        ("print(json.dumps(json.loads({error!r})))", 4, r"error: line 3: no such thing$"),
        (
            "sys.exit('first\\nlast words')",
            70,
            r"error: .* status 1: last words; this is a mistake in microgpt",
        ),
        ("os.kill(os.getpid(), 9)", 5, r"error: .* was ended by signal 9, perhaps because memory ran out$"),
        ("os.write(1, b'no answer')", 70, r"error: .* gave no answer"),
    ],
)
def test_how_a_command_ends_by_the_fault_of_a_worker(code, status, said, monkeypatch, tmp_path):
    worker(monkeypatch, code.format(error=json.dumps(describe_error(CompileError("line 3: no such thing")))))
    monkeypatch.setenv("MICROGPT_CACHE_DIR", str(tmp_path))
    arguments = ["train", "--backend", "python", "--jobs", "2", "--steps", "2"]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == status, result.stderr
    assert "Traceback" not in result.stderr
    assert re.search(said, result.stderr.strip().splitlines()[-1])
    # What it wrote to stderr is shown to who wants to know where an error comes from.
    if "first" in code:
        debugged = CliRunner().invoke(cli, ["--debug", *arguments])
        assert "It wrote to stderr:\nfirst\nlast words" in debugged.stderr


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
