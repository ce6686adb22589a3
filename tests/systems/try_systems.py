#!/usr/bin/env python3
"""Runs the README's two commands on fresh Debian systems, and prints a table of what went well.

For each system, compiler and user: the README's command that trains, from a checkout; the program that it installed,
and a script with a function of its own, from a folder full of hostile modules; the README's command that runs the
tests. Nothing is used of the host but its
network, with what pip and apt need to reach what they install.

Needs root, mmdebstrap and unshare. Example, with what takes longest left out:

    tests/systems/try_systems.py --chroots ~/chroots --system trixie --compiler none --step train --step hostile
"""

from __future__ import annotations

import argparse
import configparser
import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

SYSTEMS = ("bookworm", "trixie", "sid")
COMPILERS = {
    "gcc": ("gcc", "libc6-dev"),
    "clang": ("clang", "libc6-dev"),
    "tcc": ("tcc", "libc6-dev"),
    "none": (),
}
PACKAGES = ("python3", "python3-venv", "ca-certificates")
USERS = {"root": 0, "reader": 1000}  # the home of `reader` cannot be written
STEPS = ("train", "hostile", "tests")
EXACT = ("gcc", "clang")  # programs are C with these; without one, Python, and one warning says so

# Modules that the standard library or microgpt imports. One that runs says so.
HOSTILE = ("hashlib.py", "json.py", "multiprocessing.py", "microgpt/__init__.py", "ziglang/__init__.py")
TELL_TALE = "raise SystemExit('a module of the current folder was executed: ' + __file__)\n"

# An example that compiles a function of its own, and compares it with the eager autograd; then it prints its target.
OWN_FUNCTION = "examples/own_model.py"
TARGET = 'print("own function in", value_and_gradient.target)\n'

# What the eager autograd gives for the README's run.
GOLDEN = ROOT / "tests/golden/names_seed42.json"

# Where pip, and the TLS library below it, find the package index and whom to trust.
_VARIABLES = re.compile(r"PIP_\w+|(https?|all|no)_proxy|SSL_CERT_FILE|REQUESTS_CA_BUNDLE", re.IGNORECASE)

# Likewise for apt, whose files mmdebstrap does not read.
_APT_SETTINGS = re.compile(r"Acquire::((https?|ftp)::.+|Retries|Check-Date) ")


@dataclass(frozen=True)
class Result:
    """How one command ended: in words, for the table."""

    text: str
    well: bool


@dataclass
class Machine:
    """A chroot, unpacked, and what it borrows from the host."""

    root: Path
    environment: dict[str, str]
    folders: list[Path]

    def run(self, command: str, folder: Path, user: str, log: Path) -> int:
        """Runs a shell command with its output in `log`; returns its exit status."""
        number = USERS[user]
        home = "/root" if user == "root" else f"/home/{user}"
        binds = [
            f"mount --rbind -o ro {shlex.quote(str(path))} {shlex.quote(self.inside(path))}" for path in self.folders
        ]
        setup = [
            'mount --rbind /dev "$ROOT/dev"',
            'mount -t tmpfs tmpfs "$ROOT/dev/shm"',
            'mount -t proc proc "$ROOT/proc"',
            *binds,
            f'exec chroot --userspec={number}:{number} --groups= "$ROOT" "$@"',
        ]
        isolate = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-euc", "\n".join(setup), "sh"]
        standard = {"HOME": home, "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
        variables = [f"{name}={value}" for name, value in {**standard, **self.environment}.items()]
        shell = f"cd {shlex.quote(str(folder))} && {command}"
        with log.open("wb") as output:
            output.write(f"$ {command}\n".encode())
            output.flush()
            return subprocess.run(
                [*isolate, "env", "-i", *variables, "sh", "-c", shell],
                env={**os.environ, "ROOT": str(self.root)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
            ).returncode

    def inside(self, path: Path) -> str:
        return str(self.root / path.relative_to("/"))


def main() -> int:
    options = parse()
    if os.geteuid() != 0:
        sys.exit("error: only root can build chroots and enter them")
    for program in ("mmdebstrap", "unshare", "chroot", "tar"):
        if not shutil.which(program):
            sys.exit(f"error: the program {program} is not here")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started ends, and its folder goes
    options.chroots.mkdir(parents=True, exist_ok=True)
    rows = [["system", "python", "compiler", "user", *options.step]]
    well = True
    for system in options.system:
        for compiler in options.compiler:
            archive = build(options.chroots, system, compiler, options.mirror)
            for user in options.user:
                results = list(try_one(options, archive, system, compiler, user))
                rows.append([system, results[0].text, compiler, user, *(result.text for result in results[1:])])
                well &= all(result.well for result in results)
                print(" ".join(rows[-1]), flush=True)
    print(f"\n{table(rows)}\n\nlogs: {options.chroots / 'logs'}")
    return 0 if well else 1


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--system", action="append", choices=SYSTEMS, help="may be given again; default: all")
    add("--compiler", action="append", choices=tuple(COMPILERS), help="may be given again; default: all")
    add("--user", action="append", choices=tuple(USERS), help="may be given again; default: all")
    add("--step", action="append", choices=STEPS, help="may be given again; default: all")
    add("--chroots", type=Path, required=True, metavar="DIR", help="keeps the chroots, which are built once, and logs")
    add("--pytest", default="", metavar="OPTIONS", help="goes to pytest, as in --pytest='-x -m \"not slow\"'")
    add("--mirror", metavar="URL", help="of Debian; default: mmdebstrap's")
    options = parser.parse_args()
    options.chroots = options.chroots.absolute()
    for name, default in (("system", SYSTEMS), ("compiler", COMPILERS), ("user", USERS), ("step", STEPS)):
        chosen = getattr(options, name) or default
        setattr(options, name, [value for value in default if value in chosen])
    return options


def build(chroots: Path, system: str, compiler: str, mirror: str | None) -> Path:
    """The archive of a base system, which is built if it is not there."""
    archive = chroots / f"{system}-{compiler}.tar"
    if not archive.exists():
        print(f"building {archive}", flush=True)
        unfinished = archive.with_suffix(".new.tar")
        packages = ",".join((*PACKAGES, *COMPILERS[compiler]))
        # A mirror may be a snapshot, whose lists are older than they allow; their signatures are checked all the same.
        settings = [*apt_settings(), 'Acquire::Check-Valid-Until "false"']
        options = ["--variant=apt", f"--include={packages}", *(f"--aptopt={setting}" for setting in settings)]
        command = ["mmdebstrap", *options, system, str(unfinished), *([mirror] if mirror else [])]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            sys.exit(f"error: {archive} cannot be built\n{result.stderr}")
        unfinished.replace(archive)
    return archive


def try_one(options: argparse.Namespace, archive: Path, system: str, compiler: str, user: str) -> Iterator[Result]:
    """First the version of Python, then how each step ended."""
    logs = options.chroots / "logs"
    logs.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=options.chroots) as place:
        # An ordinary user goes through here.
        root = Path(place, "root")
        root.mkdir()
        subprocess.run(["tar", "--numeric-owner", "-xpf", archive, "-C", root], check=True)
        machine = furnish(root)
        checkout, hostile = Path("/srv/microgpt"), Path("/srv/hostile")
        copy_checkout(root / "srv/microgpt", USERS[user])
        for name in HOSTILE:
            path = root / "srv/hostile" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(TELL_TALE)
        (root / "srv/hostile/own_function.py").write_text((ROOT / OWN_FUNCTION).read_text("utf-8") + TARGET)
        log = logs / f"{system}-{compiler}-{user}-python.log"
        status = machine.run("python3 --version", checkout, user, log)
        yield Result(log.read_text().split()[-1] if status == 0 else "none", status == 0)
        programs = f"{checkout}/.venv/bin"
        train = f"{programs}/microgpt train --steps 20 --samples 2"
        # With -P, Python itself does not look for modules in the folder of a script.
        own = f"{programs}/python -P own_function.py"
        backend = "c" if compiler in EXACT else "python"
        commands = {
            "train": (readme_command("run"), checkout),
            # With the cache of the step before out of the way: children are started.
            "hostile": (f"export XDG_CACHE_HOME=$(mktemp -d) && {train} && {train} --backend python && {own}", hostile),
            "tests": (f"{readme_command('test')} {options.pytest}".strip(), checkout),
        }
        for step in options.step:
            command, folder = commands[step]
            log = logs / f"{system}-{compiler}-{user}-{step}.log"
            start = time.monotonic()
            status = machine.run(command, folder, user, log)
            problem = f"status {status}" if status else problem_of(step, backend, log.read_text(errors="replace"))
            yield Result(f"FAILED: {problem}" if problem else f"ok {time.monotonic() - start:.0f} s", well=not problem)


def problem_of(step: str, backend: str, output: str) -> str:
    """What is wrong with the output of a step whose status is 0; empty if nothing is.

    Args:
        backend: what ``auto`` must be here.
    """
    if step == "tests":
        return "" if re.search(r"\b[1-9]\d* passed\b", output) else "no tests"
    backends = re.findall(r"with the (\w+) backend$", output, re.MULTILINE)
    expected = [backend] if step == "train" else [backend, "python"]
    if backends != expected:
        return f"ran with {', '.join(backends) or 'no backend'}"
    lines = re.findall(r"^(?:step +\d+ /|sample +\d+:).*$", output, re.MULTILINE)
    half = len(lines) // 2
    if step == "train" and lines != golden_lines():
        return "losses or samples are not the eager autograd's"
    if step == "hostile" and (len(lines) != 44 or lines[:half] != lines[half:]):
        return "the two runs differ"
    warnings = len(re.findall(r"^microgpt: warning: .*C compiler", output, re.MULTILINE))
    if warnings != (backend == "python"):
        return f"{warnings} warnings of compilers"
    if step == "hostile":
        targets = re.findall(r"^own function in (\w+)$", output, re.MULTILINE)
        if targets != [backend]:
            return f"own function in {', '.join(targets) or 'nothing'}"
    if "Warning: " in output:  # what is not the command line's own, such as those of `microgpt.compile`
        return "a warning of Python's"
    return ""


def golden_lines() -> list[str]:
    """The losses and samples that the README's run prints."""
    golden = json.loads(GOLDEN.read_text("utf-8"))
    losses = [float.fromhex(loss) for loss in golden["losses"]]
    steps = [f"step {step:4} / {len(losses)} | loss {loss:.4f}" for step, loss in enumerate(losses, 1)]
    return steps + [f"sample {number:2}: {text}" for number, text in enumerate(golden["samples"], 1)]


def furnish(root: Path) -> Machine:
    """Gives a new system a user, and what pip needs of the host."""
    with (root / "etc/passwd").open("a") as users, (root / "etc/group").open("a") as groups:
        users.write("reader:x:1000:1000::/home/reader:/bin/sh\n")
        groups.write("reader:x:1000:\n")
    (root / "home/reader").mkdir(mode=0o555)
    environment = {name: value for name, value in os.environ.items() if _VARIABLES.fullmatch(name)}
    environment.pop("PIP_CONFIG_FILE", None)
    settings = pip_settings()
    text = io.StringIO()
    settings.write(text)
    (root / "etc/pip.conf").write_text(text.getvalue())
    values = [value for section in settings.values() for value in section.values()]
    paths = [path for value in (*values, *environment.values()) for word in value.split() for path in local(word)]
    folders = list(dict.fromkeys(path for path in paths if path.is_dir()))
    for folder in folders:
        (root / folder.relative_to("/")).mkdir(parents=True, exist_ok=True)
    for path in (*(path for path in paths if path.is_file()), Path("/etc/resolv.conf"), Path("/etc/hosts")):
        target = root / path.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        shutil.copyfile(path, target)
    return Machine(root, environment, folders)


def local(word: str) -> Iterator[Path]:
    """The path that a word of pip's settings names, if it does."""
    if word.startswith("file:///"):
        # An index links to files beside it.
        index = Path(word.removeprefix("file://"))
        yield index.parent if len(index.parts) > 2 else index
    elif word.startswith("/"):
        yield Path(word)


def pip_settings() -> configparser.RawConfigParser:
    """What the files of the host's pip say, the later ones over the earlier ones."""
    home = Path.home()
    settings = configparser.RawConfigParser()
    settings.read(
        [
            "/etc/xdg/pip/pip.conf",
            "/etc/pip.conf",
            home / ".pip/pip.conf",
            Path(os.environ.get("XDG_CONFIG_HOME", home / ".config"), "pip/pip.conf"),
            os.environ.get("PIP_CONFIG_FILE", os.devnull),
        ]
    )
    return settings


def apt_settings() -> list[str]:
    """How the host's apt reaches an archive, and what it checks: proxies, certificates, retries, dates."""
    if not shutil.which("apt-config"):
        return []
    dump = subprocess.run(["apt-config", "dump", "Acquire"], capture_output=True, text=True, check=True).stdout
    return [line for line in dump.splitlines() if _APT_SETTINGS.match(line)]


def copy_checkout(target: Path, owner: int) -> None:
    """The files that git would keep, as they are now."""
    listed = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split("\0"):
        source = ROOT / name
        if name and source.is_file():
            copy = target / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)
    for path in (target, *target.rglob("*")):
        os.chown(path, owner, owner)


def readme_command(mark: str) -> str:
    """The command below ``<!-- mark -->`` in the README."""
    text = (ROOT / "README.md").read_text("utf-8")
    match = re.search(rf"<!-- {mark} -->\n```\n(.*?)\n```", text, re.DOTALL)
    if match is None:
        sys.exit(f"error: the README has no command below <!-- {mark} -->")
    return match[1]


def table(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "-|-".join("-" * width for width in widths))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
