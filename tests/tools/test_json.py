"""docs/json.md describes what every command prints with --json: each field that there is, and none that there is not.

A new command with --json needs a section there, and a line in `RUNS`.
"""

import json
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from microgpt.tools.cli import COMMANDS, cli

DOCS = Path(__file__).parents[2] / "docs" / "json.md"
OWN = f"{Path(__file__).parents[1] / 'own' / 'pendulum.py'}:misfit"
MODEL = ["--n-embd", "4", "--n-head", "2", "--block-size", "4"]

# By command: what to run, so that all of its fields are seen at least once. Folders a and b hold runs that differ.
RUNS: dict[str, list[list[str]]] = {
    "train": [
        [*MODEL, "--data", "corpus.txt", "--steps", "2", "--samples", "1"],
        [*MODEL, "--steps", "1", "--eval-fraction", "0.001"],
    ],
    "sweep": [
        [*MODEL, "--data", "corpus.txt", "--steps", "1", "--set", "beta1=0.8", "--out", "sweep", "--backend", "eager"]
    ],
    "report": [["a", "--text", "bob", "--samples", "1"]],
    "sample": [["a", "-n", "1", "--trace"]],
    "eval": [["a", "--data", "corpus.txt", "--text", "bob", "--trace"]],
    "compare": [["a", "b"], ["a", "a"]],
    "data list": [[]],
    "data info": [["corpus.txt"]],
    "compile": [[*MODEL, "--length", "1"], [*MODEL, "--backend", "c"]],
    "show": [
        ["--stage", "list"],
        [*MODEL, "--length", "1", "--scope", "position0.layer0.head0.scores", "--stage", "trace"],
        [*MODEL, "--length", "1", "--scope", "position0.layer0.head0.scores", "--stage", "python", "--interleave"],
    ],
    "passes": [[*MODEL, "--length", "1", "--around", "p0_l0_query_0"], ["--kind", "optimizer"]],
    "stats": [[*MODEL, "--length", "1"], [*MODEL, "--kind", "optimizer", "--no-machine"]],
    "bench": [[*MODEL, "--length", "1", "--seconds", "0.01", "--against", "numpy"], [OWN, "--seconds", "0.01"]],
    "verify": [
        [*MODEL, "--steps", "1", "--samples", "1"],
        [*MODEL, "--steps", "1", "--samples", "1", "--numerics", "fast"],
        [*MODEL, "--steps", "1", "--seconds", "0.001"],
        [OWN],
    ],
    "cache list": [[]],
    "cache clean": [["--dry-run", "--all"]],
    "doctor": [[]],
}


def commands_with_json() -> Iterator[str]:
    """Every command that has the option, also those of groups."""
    with click.Context(cli) as context:
        waiting: list[tuple[str, click.Command | None]] = [(name, cli.get_command(context, name)) for name in COMMANDS]
        while waiting:
            name, command = waiting.pop()
            assert command is not None
            if isinstance(command, click.Group):
                waiting += ((f"{name} {inner}", found) for inner, found in command.commands.items())
            if any("--json" in parameter.opts for parameter in command.params):
                yield name


def documented() -> dict[str, set[str]]:
    """By command, the fields that the page has."""
    sections: dict[str, set[str]] = {}
    for line in DOCS.read_text("utf-8").splitlines():
        if line.startswith("## microgpt "):
            fields = sections[line.removeprefix("## microgpt ")] = set()
        elif row := re.match(r"\| `([^`]+)` \|", line):
            assert row[1] not in fields, f"{row[1]} is described twice"
            fields.add(row[1])
    return sections


def leaves(value: Any, path: str = "") -> Iterator[str]:
    """The paths of all that is neither an object nor a list, and of empty ones."""
    if isinstance(value, dict) and value:
        for name, part in value.items():
            yield from leaves(part, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and value:
        for part in value:
            yield from leaves(part, f"{path}[]")
    else:
        yield path


def beginnings(path: str) -> Iterator[str]:
    """A path and those of all that holds it."""
    for end in [*re.finditer(r"\.|\[\]", path), re.search(r"$", path)]:
        assert end is not None
        yield path[: end.start()]
        yield path[: end.end()]


def pattern(field: str) -> re.Pattern[str]:
    """Matches the paths of a field; a list of numbers or words may be told without its brackets."""
    names = re.escape(re.sub(r"(\[\])+$", "", field)).replace(r"\*", r"[^.\[\]]+(?:\.[^.\[\]]+)*?")
    return re.compile(rf"{names}(?:\[\])*")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("json")


@pytest.fixture(autouse=True)
def surroundings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGPT_DATA_DIR", str(folder / "data"))
    monkeypatch.setattr("microgpt.tools.checks.model_race.RUN_STEPS", 25)
    monkeypatch.setattr("microgpt.tools.stats.measure.ROUNDS", 1)
    monkeypatch.setattr("microgpt.runtime.machine.roofline._cache_sizes", lambda: {"L1": 32 << 10, "L2": 256 << 10})
    monkeypatch.setattr("microgpt.runtime.machine.roofline._MEMORY_LEAST", 1 << 20)
    monkeypatch.chdir(folder)
    Path("corpus.txt").write_text("anna\nbob\n")
    for name, seed in (("a", "1"), ("b", "2")):
        if not Path(name).exists():
            train = ["train", *MODEL, "--data", "corpus.txt", "--steps", "2", "--samples", "0"]
            result = CliRunner().invoke(cli, [*train, "--seed", seed, "--out", name])
            assert result.exit_code == 0, result.output


def test_every_command_is_documented_and_tried():
    found = sorted(commands_with_json())
    assert found == sorted(documented()), "docs/json.md must have a section for each command with --json"
    assert found == sorted(RUNS), "and this test must run it"


@pytest.mark.parametrize(
    "command", [pytest.param(name, marks=[pytest.mark.slow] * (name == "bench")) for name in sorted(RUNS)]
)
def test_fields_are_those_of_the_page(command: str, compiles: bool):
    # Some fields are there only where there is a C compiler, or NumPy to measure against.
    everything = compiles and find_spec("numpy") is not None
    fields = {field: pattern(field) for field in documented()[command]}
    paths: dict[str, None] = {}
    for arguments in RUNS[command]:
        if "numpy" in arguments and not everything:
            arguments = [argument for argument in arguments if argument not in ("--against", "numpy")]
        result = CliRunner().invoke(cli, [*command.split(), *arguments, "--json"])
        if "needs a C compiler" in result.stderr:
            continue
        assert result.exit_code in (0, 1), result.output
        report = json.loads(result.stdout)
        assert report.pop("schema") == f"microgpt.{command.replace(' ', '.')}"
        assert report.pop("version") == 1
        paths.update(dict.fromkeys(leaves(report)))
    unknown = [path for path in paths if not any(known.fullmatch(path) for known in fields.values())]
    assert not unknown, f"docs/json.md does not describe {unknown}"
    if everything:
        # An object that may be null or empty has a row of its own.
        wholes = {whole for path in paths for whole in beginnings(path)}
        unseen = [field for field, known in fields.items() if not any(map(known.fullmatch, wholes))]
        assert not unseen, f"docs/json.md describes {unseen}, which microgpt {command} does not print"
