"""What goes from the cache by itself, what `microgpt cache` removes, and that nothing else ever does."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from microgpt.runtime.storage import cache_upkeep
from microgpt.runtime.storage.cache import Cache
from microgpt.runtime.storage.cache_upkeep import list_entries, read_limit, remove_entries, remove_leftovers, surplus
from microgpt.tools.cli import cli

DAY = 86400.0
MODEL = "GPTConfig(vocab_size=27, n_layer=1, n_embd=16, n_head=4, block_size=16)"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    monkeypatch.setenv("MICROGPT_CACHE_DIR", str(tmp_path / "cache"))
    return Cache.open(warn=pytest.fail)


def store(cache: Cache, key: str, size: int = 1000, age: float = 0.0) -> Path:
    entry = cache.store(key, {"program.py": b'"""\nMade for %s by microgpt.\n"""' % MODEL.encode(), "x": bytes(size)})
    made_old(entry / "manifest.json", age)
    return entry


def made_old(path: Path, age: float) -> None:
    then = time.time() - age
    os.utime(path, (then, then), follow_symlinks=False)


def microgpt(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["cache", *arguments])


def test_the_least_recently_used_go_first(cache: Cache, monkeypatch: pytest.MonkeyPatch):
    for number in range(6):
        store(cache, f"key{number}", 100_000, age=(10 - number) * DAY)
    assert cache.load("key0"), "and so it has been used last"
    monkeypatch.setenv("MICROGPT_CACHE_LIMIT", "400k")
    store(cache, "new", 100_000)
    assert cache.entries() == ["key0", "key4", "key5", "new"]
    assert sum(entry.size for entry in list_entries(cache.folder)) <= 400 * 1024
    assert [path.name for path in cache.folder.iterdir() if path.name.startswith(".")] == []


def test_what_was_used_just_now_stays(cache: Cache, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MICROGPT_CACHE_LIMIT", "1")
    store(cache, "old", age=DAY)
    store(cache, "young", age=60)
    store(cache, "new")
    assert cache.entries() == ["new", "young"]


def test_what_another_process_has_locked_stays(cache: Cache):
    store(cache, "held", age=DAY)
    code = (
        "import sys; from microgpt.runtime.storage.cache import Cache\n"
        "with Cache.open(warn=sys.exit).lock('held'): print('locked', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        result = microgpt("clean", "--all")
        assert result.exit_code == 0
        assert "removed 0 programs" in result.stdout
        assert "1 program could not be removed, or is being compiled" in result.stderr
        assert cache.entries() == ["held"]
    assert microgpt("clean", "--all").stdout.startswith("removed 1 program, ")
    assert list(cache.folder.iterdir()) == [], "its lock is gone too"


@pytest.mark.parametrize(
    ("text", "size"),
    [("", 1 << 30), ("500M", 500 << 20), ("2G", 2 << 30), ("1.5 GiB", 3 << 29), ("10kb", 10240), ("0", 0), ("7", 7)],
)
def test_limits(text: str, size: int):
    assert read_limit(text) == size


def test_no_limit():
    assert read_limit("none") == float("inf")


@pytest.mark.parametrize("text", ["x", "-1", "1Q", "nan", "1e9", "G"])
def test_a_limit_that_is_none(text: str, cache: Cache, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MICROGPT_CACHE_LIMIT", text)
    for command in ("list", "clean"):
        result = microgpt(command)
        assert result.exit_code == 3
        assert f"MICROGPT_CACHE_LIMIT: {text!r} is not a size" in result.stderr
    # It never stops a run.
    messages: list[str] = []
    cache = Cache.open(warn=messages.append)
    cache.store("one", {"a": b""})
    cache.store("two", {"a": b""})
    assert len(messages) == 1
    assert f"{text!r} is not a size" in messages[0]
    assert cache.entries() == ["one", "two"]


def not_ours(folder: Path, elsewhere: Path) -> list[Path]:
    """Fills a folder with what may look like ours but is not, all of it old."""
    manifest = json.dumps({"files": {"program.py": "0" * 64}})
    elsewhere.mkdir()
    (elsewhere / "manifest.json").write_text(manifest)
    (elsewhere / "program.py").write_text("precious")
    (folder / "link").symlink_to(elsewhere)
    (folder / ".new-abcd1234").symlink_to(elsewhere)
    (folder / "link.lock").symlink_to(elsewhere / "program.py")
    (folder / "poetry.lock").write_text("precious")
    (folder / "file").write_text("precious")
    (folder / "project").mkdir()
    (folder / "project" / "manifest.json").write_text('{"name": "an extension of a browser", "files": ["a.js"]}')
    (folder / "more").mkdir()
    (folder / "more" / "manifest.json").write_text(manifest)
    (folder / "more" / "notes.txt").write_text("precious")
    (folder / "deep").mkdir()
    (folder / "deep" / "manifest.json").write_text(manifest)
    (folder / "deep" / "program.py").mkdir()
    (folder / "linked").mkdir()
    (folder / "linked" / "manifest.json").write_text(manifest)
    (folder / "linked" / "program.py").symlink_to(elsewhere / "program.py")
    (folder / ".old-abcd1234" / "sub").mkdir(parents=True)
    (folder / ".new-something-else").mkdir()
    (folder / ".git").mkdir()
    found = sorted(folder.rglob("*"))
    for path in reversed(found):
        made_old(path, 100 * DAY)
    return found


def test_what_is_not_ours_stays(cache: Cache, tmp_path: Path):
    found = not_ours(cache.folder, tmp_path / "elsewhere")
    store(cache, "ours", age=100 * DAY)
    assert microgpt("clean", "--all").stdout.startswith("removed 1 program, ")
    assert microgpt("clean", "--older-than", "1s").stdout.startswith("removed 0 programs, ")
    assert remove_leftovers(cache.folder) == []
    assert sorted(cache.folder.rglob("*")) == found
    assert (tmp_path / "elsewhere" / "program.py").read_text() == "precious"


def test_what_killed_processes_left_goes_after_a_day(cache: Cache):
    old, young = {".new-aaaaaaaa", ".old-aaaaaaaa", "gone.lock"}, {".new-bbbbbbbb", ".old-bbbbbbbb", "young.lock"}
    store(cache, "kept")
    for name in (*old, *young, "kept.lock"):
        path = cache.folder / name
        if path.suffix:
            path.touch()
        else:
            path.mkdir()
            (path / "program.py").write_text("half")
        made_old(path, 60.0 if name in young else 2 * DAY)
    assert microgpt("clean", "--dry-run").stdout == "would remove 0 programs and 3 leftovers, 0 bytes\n"
    assert {path.name for path in cache.folder.iterdir()} == old | young | {"kept", "kept.lock"}
    store(cache, "another")
    assert {path.name for path in cache.folder.iterdir()} == young | {"kept", "kept.lock", "another"}


def test_a_process_that_is_killed_in_the_middle(cache: Cache):
    code = (
        "import os, signal, sys; from pathlib import Path; from microgpt.runtime.storage.cache import Cache\n"
        "cache = Cache.open(warn=sys.exit)\n"
        "Path.rename = lambda *arguments: os.kill(os.getpid(), signal.SIGKILL)\n"
        "with cache.lock('key'): cache.store('key', {'a': bytes(1000)})"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    (left,) = cache.folder.glob(".new-*")
    assert {path.name for path in cache.folder.iterdir()} == {left.name, "key.lock"}
    for path in cache.folder.iterdir():
        made_old(path, 2 * DAY)
    store(cache, "another")
    assert [path.name for path in cache.folder.iterdir()] == ["another"]


def test_clean(cache: Cache):
    for number in range(3):
        store(cache, f"key{number}", age=number * DAY)
    assert microgpt("clean").stdout == "removed 0 programs, 0 bytes\n"
    dry = microgpt("clean", "--older-than", "12h", "--dry-run")
    assert dry.stdout.startswith("would remove 2 programs, 2.")
    assert cache.entries() == ["key0", "key1", "key2"]
    told = microgpt("clean", "--older-than", "36h", "-v")
    assert "microgpt: key2: " in told.stderr
    assert "1 x 16, 4 heads, block 16, 27 tokens" in told.stderr
    assert cache.entries() == ["key0", "key1"]
    report = json.loads(microgpt("clean", "--all", "--json").stdout)
    assert [row["key"] for row in report["removed"]] == ["key0", "key1"]
    assert report["kept"] == 0
    assert cache.entries() == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("--older-than", "x"), "'x' is not an age"), (("--all", "--older-than", "1d"), "exclude each other")],
)
def test_usage(cache: Cache, arguments: tuple[str, ...], words: str):
    result = microgpt("clean", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_list(cache: Cache):
    assert microgpt("list").stdout == ""
    store(cache, "training7-0123", age=3 * DAY)
    store(cache, "model-4567", 5000, age=120)
    result = microgpt("list")
    assert "2 programs, 6." in result.stderr
    assert result.stdout.splitlines()[-2:] == [
        "C library: 1 x 16, 4 heads, block 16, 27 tokens        5.2 KiB  2 m",
        "Python, length 7: 1 x 16, 4 heads, block 16, 27 tokens 1.2 KiB  3 d",
    ]
    assert microgpt("dir").stdout == f"{cache.folder}\n"


def test_every_kind_of_entry_has_a_description(cache: Cache):
    for kind in ("rows", "sized", "family"):
        store(cache, f"{kind}-0123")
    described = microgpt("list").stdout
    for words in ("C, sums over rows", "C, from loops over sizes", "Function over sizes"):
        assert words in described


def test_a_verdict_is_no_program(cache: Cache):
    store(cache, "model-4567", 5000, age=120)
    store(cache, "compiler-89ab", age=3 * DAY)
    result = microgpt("list")
    assert "microgpt: 1 program and 1 verdict, " in result.stderr
    assert "Verdict: a C compiler keeps every bit" in result.stdout
    assert microgpt("clean", "--all").stdout.startswith("removed 1 program and 1 verdict, ")


def test_a_folder_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("MICROGPT_CACHE_DIR", str(tmp_path / "file"))
    for command in ("dir", "list", "clean"):
        result = microgpt(command)
        assert result.exit_code == 5
        assert f"the cache folder {tmp_path / 'file'} is not a folder" in result.stderr


def test_a_full_disk_can_be_cleaned(cache: Cache, monkeypatch: pytest.MonkeyPatch):
    """Nothing new can be made on it, not even a lock."""
    store(cache, "key")
    real = os.open

    def full(path, flags, *arguments, **options):
        if flags & os.O_CREAT:
            raise OSError(28, "No space left on device", path)
        return real(path, flags, *arguments, **options)

    monkeypatch.setattr(os, "open", full)
    assert [entry.key for entry in remove_entries(list_entries(cache.folder))] == ["key"]
    assert list(cache.folder.iterdir()) == []


RACE = """
import random, sys
from microgpt.runtime.storage import cache_upkeep
from microgpt.runtime.storage.cache import Cache
cache_upkeep.RECENT = -1.0
cache, rng = Cache.open(warn=sys.exit), random.Random(int(sys.argv[1]))
for _ in range(300):
    key = f"key{rng.randrange(20)}"
    found = cache.load(key)
    assert found is None or found == {"a": key.encode() * 1000}, key
    if found is None:
        with cache.lock(key):
            cache.store(key, {"a": key.encode() * 1000})
"""


@pytest.mark.slow
def test_processes_that_store_and_remove_at_once(cache: Cache, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MICROGPT_CACHE_LIMIT", "50k")
    command = [sys.executable, "-c", RACE]
    three = [subprocess.Popen([*command, str(seed)], stderr=subprocess.PIPE, text=True) for seed in range(3)]
    assert [process.communicate(timeout=600)[1] for process in three] == [""] * 3
    assert all(cache.load(key) for key in cache.entries())
    assert list(cache.folder.glob(".*")) == []


def test_the_choice_of_what_goes():
    entries = [cache_upkeep.Entry(Path(key), size, used) for key, size, used in (("a", 5, 3), ("b", 5, 1), ("c", 5, 2))]
    now = 10_000.0
    assert [entry.key for entry in surplus(entries, 15, now)] == []
    assert [entry.key for entry in surplus(entries, 14, now)] == ["b"]
    assert [entry.key for entry in surplus(entries, 9, now)] == ["b", "c"]
    assert [entry.key for entry in surplus(entries, 0, now)] == ["b", "c", "a"]
    assert surplus(entries, 0, 500.0) == []
