"""Settings and options that all tests share."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import SystemRandom
from typing import Any, NoReturn

import pytest
from helpers import ended_children, skip_without_compiler
from hypothesis import settings

from microgpt.runtime.machine.find_toolchain import find_toolchain
from microgpt.runtime.machine.toolchain import Toolchain, ToolchainError

# Deadlines measure the machine and what else runs on it, not the code.
settings.register_profile("microgpt", deadline=None)
settings.load_profile("microgpt")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("microgpt")
    group.addoption("--programs", type=int, default=100, metavar="N", help="random programs to compare (default 100)")
    group.addoption("--seed", default="0", metavar="S", help="number of the first of these, or 'random' (default 0)")
    group.addoption("--kills", type=int, default=12, metavar="N", help="times to kill a training (default 12)")
    group.addoption("--fuzz", type=int, default=300, metavar="N", help="broken inputs of each kind (default 300)")
    group.addoption("--renew-golden", action="store_true", help="rewrite the texts of tests/golden")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Folders of tests run on all cores, unless an option says otherwise or has to show what runs."""
    option = config.option
    # Not without pytest-xdist, nor against -n, nor in a process that pytest-xdist has started.
    if getattr(option, "numprocesses", 0) is not None or "PYTEST_XDIST_WORKER" in os.environ:
        return
    one_by_one = option.usepdb or option.trace or option.capture == "no" or option.renew_golden
    if not one_by_one and all(Path(argument).is_dir() for argument in config.args) and cores() > 1:
        option.numprocesses = cores()
        if option.dist == "no":
            # Each core goes through files that follow each other, so that most fixtures of modules are made once; one
            # that is done takes over tests of another.
            option.dist = "worksteal"


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def pytest_configure(config: pytest.Config) -> None:
    # Background jobs of a shell have Ctrl-C ignored, and so has what they start; tests send it to processes.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # What one test has compiled serves all, and nobody's own cache is written to. Workers of pytest-xdist inherit it.
    if "MICROGPT_CACHE_DIR" not in os.environ:
        os.environ["MICROGPT_CACHE_DIR"] = cache = tempfile.mkdtemp(prefix="microgpt-tests-")
        config.add_cleanup(lambda: shutil.rmtree(cache, ignore_errors=True))
    # Hundreds of processes import the same modules. If Python may not write what it compiles of these beside them, it
    # writes it where pytest keeps what is of use to later runs.
    if "PYTHONDONTWRITEBYTECODE" in os.environ and "PYTHONPYCACHEPREFIX" not in os.environ and hasattr(config, "cache"):
        with suppress(OSError):
            os.environ["PYTHONPYCACHEPREFIX"] = str(config.cache.mkdir("bytecode"))
            del os.environ["PYTHONDONTWRITEBYTECODE"]
    if config.getoption("--seed") == "random":
        config.option.seed = str(SystemRandom().randrange(10**9))


def pytest_report_header(config: pytest.Config) -> str:
    return f"random programs: --programs {config.getoption('--programs')} --seed {config.getoption('--seed')}"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """One browser for all tests of a process: a second one cannot be driven beside it."""
    from explorer.pages import browser

    with browser() as running:
        yield running


@pytest.fixture(params=["c", "python"])
def target(request: pytest.FixtureRequest) -> str:
    """What own functions are compiled to."""
    skip_without_compiler(request.param)
    return str(request.param)


@pytest.fixture
def python_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Own functions become Python, in a cache of the test's: what C compilers make of them is tested elsewhere."""

    def fail() -> NoReturn:
        raise ToolchainError("there is no C compiler")

    monkeypatch.setattr("microgpt.runtime.machine.find_toolchain.find_toolchain", fail)
    monkeypatch.setenv("MICROGPT_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def start_process() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Starts a process, which ends with the test at the latest: a test that fails leaves nothing to the next one."""
    with ended_children() as start:
        yield start


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> "Golden":
    """Compares texts with files of tests/golden; rewrites them with --renew-golden."""
    return Golden(request.config.getoption("--renew-golden"))


class Golden:
    """Texts that a reviewer wants to see change in the diff."""

    folder = Path(__file__).parent / "golden"

    def __init__(self, renew: bool) -> None:
        self.renew = renew

    def check(self, name: str, text: str) -> None:
        """Fails if the file is missing or says something else."""
        path = self.folder / name
        if self.renew:
            path.write_text(text, encoding="utf-8")
            return
        assert path.exists(), f"there is no {path.name}; run pytest with --renew-golden, and look at what it wrote"
        expected = path.read_text(encoding="utf-8")
        assert text == expected, f"{path.name} has changed; if that is meant, run pytest with --renew-golden"


@pytest.fixture(scope="session")
def toolchain() -> Toolchain:
    """A C compiler that keeps every bit; without one, what needs it is skipped."""
    try:
        return find_toolchain()
    except ToolchainError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def compiles() -> bool:
    """Whether there is a C compiler that keeps every bit."""
    try:
        find_toolchain()
    except ToolchainError:
        return False
    return True
