"""The script that tries fresh systems must notice what goes wrong there."""

import importlib.util
import sys
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("try_systems", Path(__file__).parents[1] / "systems" / "try_systems.py")
assert _spec is not None
assert _spec.loader is not None
try_systems = importlib.util.module_from_spec(_spec)
sys.modules["try_systems"] = try_systems  # its dataclasses ask for it
_spec.loader.exec_module(try_systems)

WARNING = "microgpt: warning: no C compiler can be used, so programs run in Python (there is no C compiler)\n"


def lines(backend: str) -> list[str]:
    return [
        *try_systems.golden_lines(),
        f"microgpt: trained 1000 steps in 0.1 s (0.1 ms each) with the {backend} backend",
    ]


def train(backend: str) -> str:
    return "\n".join(lines(backend)) + "\n"


def short(backend: str, sample: str = "ann") -> str:
    """20 steps and 2 samples."""
    return "\n".join([*lines(backend)[:20], f"sample  1: {sample}", "sample  2: bo", lines(backend)[-1]]) + "\n"


def hostile(backend: str, own: str, sample: str = "ann") -> str:
    warning = WARNING if backend == "python" else ""
    return f"{warning}{short(backend)}{short('python', sample)}step 500  loss 0.001\nown function in {own}\n"


@pytest.mark.parametrize(
    ("step", "backend", "output"),
    [
        ("train", "c", train("c")),
        ("train", "python", WARNING + train("python")),
        ("hostile", "c", hostile("c", "c")),
        ("hostile", "python", hostile("python", "python")),
        ("tests", "c", "===== 588 passed, 21 skipped in 318.08s =====\n"),
    ],
)
def test_what_is_right_passes(step: str, backend: str, output: str) -> None:
    assert try_systems.problem_of(step, backend, output) == ""


@pytest.mark.parametrize(
    ("step", "backend", "output", "problem"),
    [
        ("train", "c", WARNING + train("python"), "ran with python"),
        ("train", "c", WARNING + train("c"), "1 warnings of compilers"),
        ("train", "python", train("python"), "0 warnings of compilers"),
        ("train", "python", WARNING + WARNING + train("python"), "2 warnings of compilers"),
        ("train", "c", train("c").replace("amadon", "amador"), "losses or samples are not the eager autograd's"),
        (
            "train",
            "c",
            train("c").replace("step    1 / 1000 | loss 3.4639\n", ""),
            "losses or samples are not the eager autograd's",
        ),
        ("hostile", "c", short("c"), "ran with c"),
        ("hostile", "c", hostile("c", "c", "anne"), "the two runs differ"),
        ("hostile", "c", "a module of the current folder was executed\n", "ran with no backend"),
        ("hostile", "c", hostile("c", "python"), "own function in python"),
        ("hostile", "c", short("c") + short("python"), "own function in nothing"),
        ("hostile", "python", "x.py:3: CacheWarning: no\n" + hostile("python", "python"), "a warning of Python's"),
        ("tests", "c", "===== 588 deselected in 2.00s =====\n", "no tests"),
    ],
)
def test_what_is_wrong_is_noticed(step: str, backend: str, output: str, problem: str) -> None:
    assert try_systems.problem_of(step, backend, output) == problem


def test_what_apt_needs_to_reach_an_archive_is_taken_from_the_host(monkeypatch, tmp_path) -> None:
    tool = tmp_path / "apt-config"
    tool.write_text(
        "#!/bin/sh\n"
        "echo 'Acquire \"\";'\n"
        "echo 'Acquire::http::Proxy \"http://localhost:3142\";'\n"
        "echo 'Acquire::https::CAInfo \"/etc/ca.pem\";'\n"
        "echo 'Acquire::Check-Date \"false\";'\n"
        "echo 'Acquire::IndexTargets::deb::Packages::Optional \"0\";'\n"
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert try_systems.apt_settings() == [
        'Acquire::http::Proxy "http://localhost:3142";',
        'Acquire::https::CAInfo "/etc/ca.pem";',
        'Acquire::Check-Date "false";',
    ]


def test_nothing_is_taken_where_there_is_no_apt(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert try_systems.apt_settings() == []
