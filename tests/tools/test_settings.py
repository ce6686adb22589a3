"""Options from the command line, the environment, a file and the defaults: which one counts, and what is refused."""

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from microgpt.tools.cli import cli

SIZES = ("--n-embd", "4", "--n-head", "2", "--block-size", "4", "--jobs", "1")


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGPT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def printed(*arguments: object) -> dict[str, tuple[object, str]]:
    """What --print-config tells, by option: the value and where it comes from."""
    result = run("train", "--print-config", *arguments)
    assert result.exit_code == 0, result.stderr
    values = tomllib.loads(result.stdout)["train"]
    lines = (line.rpartition("  # ") for line in result.stdout.splitlines()[1:])
    origins = {text.strip("# ").split()[0]: origin for text, _, origin in lines}
    return {name: (values.get(name), origin) for name, origin in origins.items()}


def test_the_order(monkeypatch: pytest.MonkeyPatch):
    assert printed()["steps"] == (1000, "default")
    Path("microgpt.toml").write_text("steps = 10\nn_embd = 8\nseed = 1\n[train]\nseed = 2\npack = true\n")
    assert printed()["steps"] == (10, "microgpt.toml")
    assert printed()["seed"] == (2, "microgpt.toml")
    assert printed()["pack"] == (True, "microgpt.toml")
    assert printed()["n-embd"] == (8, "microgpt.toml")
    assert printed()["log"] == (None, "default")
    monkeypatch.setenv("MICROGPT_STEPS", "20")
    assert printed()["steps"] == (20, "MICROGPT_STEPS")
    assert printed("--steps", 30)["steps"] == (30, "--steps")
    Path("other.toml").write_text("seed = 5\n")
    assert printed("--config", "other.toml")["seed"] == (5, "other.toml")
    monkeypatch.setenv("MICROGPT_CONFIG", "other.toml")
    assert printed()["seed"] == (5, "other.toml")
    assert printed()["pack"] == (False, "default")


def test_what_is_printed_can_be_read():
    first = run("train", "--print-config", "--learning-rate", "1e-05", "--data", 'a "b" \\ ü.txt').stdout
    Path("microgpt.toml").write_text(first, encoding="utf-8")
    assert printed()["data"] == ('a "b" \\ ü.txt', "microgpt.toml")
    again = run("train", "--print-config").stdout
    assert tomllib.loads(first) == tomllib.loads(again)


def test_it_counts(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MICROGPT_SAMPLES", "1")
    Path("microgpt.toml").write_text("steps = 2\n[sample]\nnumber = 4\n")
    result = run("train", *SIZES, "--out", "run")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.count("\nstep ") == 2
    assert result.stdout.count("\nsample ") == 1
    options = json.loads(Path("run/config.json").read_text())["options"]
    assert (options["steps"], options["samples"], options["n_embd"]) == (2, 1, 4)
    assert run("sample", "--jobs", 1).stdout.count("sample ") == 4
    # A run goes on with the options that it began with; what the file says now must agree.
    Path("microgpt.toml").write_text("steps = 3\n")
    result = run("train", "--resume", "run")
    assert result.exit_code == 3
    assert "--steps was 2, not 3" in result.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("stepz = 3", "microgpt.toml: there is no option 'stepz'; did you mean 'steps'?"),
        ("[train]\nnumber = 3", "microgpt.toml: there is no option 'number'; "),
        ("[trian]\nsteps = 3", "microgpt.toml: there is no table [trian]; the tables are train, sample, eval"),
        ("steps = true", "microgpt.toml: steps must be a number or a text, not True"),
        ("steps = [1]", "microgpt.toml: steps must be a number or a text, not [1]"),
        ("[train]\npack = 1", "microgpt.toml: pack must be true or false, not 1"),
        ("steps = ", "microgpt.toml cannot be used as a configuration: Invalid value"),
        ("resume = 'x'", "microgpt.toml: there is no option 'resume'"),
        ("x = " + "[" * 100_000, "microgpt.toml cannot be used as a configuration: "),
        ("#" * 2**20 + "\n", "microgpt.toml has more than 1,048,576 bytes"),
    ],
    ids=range(10),
)
def test_bad_files(text: str, words: str):
    Path("microgpt.toml").write_text(text)
    result = run("train", *SIZES)
    assert (result.exit_code, result.stdout) == (3, "")
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


def test_bad_values(monkeypatch: pytest.MonkeyPatch):
    Path("microgpt.toml").write_text("steps = 'many'\n")
    result = run("train")
    assert result.exit_code == 2
    assert "Invalid value for '--steps': 'many' is not a valid whole number (from microgpt.toml)" in result.stderr
    monkeypatch.setenv("MICROGPT_STEPS", "0")
    assert "0 is not in the range x>=1 (from MICROGPT_STEPS)" in run("train").stderr
    assert "0 is not in the range x>=1 (see" in run("train", "--steps", 0).stderr
    result = run("train", "--config", "nowhere.toml")
    assert result.exit_code == 3
    assert "nowhere.toml cannot be used as a configuration: No such file" in result.stderr


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60) | st.text(st.sampled_from("steps=[]train\n\"'# 1.e{}_-x"), max_size=60).map(str.encode))
def test_any_file_is_read_or_refused_in_one_line(content: bytes):
    Path("microgpt.toml").write_bytes(content)
    result = run("train", "--print-config")
    assert result.exit_code in (0, 2, 3)
    assert result.stderr.count("\n") == (result.exit_code != 0)
