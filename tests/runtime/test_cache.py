"""The cache: entries come back as they were stored or not at all, and a bad folder never stops a run."""

import errno
import json
import os
import random
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from microgpt.runtime.programs import compile_pool, compile_worker
from microgpt.runtime.storage.cache import Cache, CacheWarning
from microgpt.tools.terminal.failures import describe_os_error

FILES = {"program.py": b"x = 1\n", "graph.txt": bytes(range(256)), "empty": b""}


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache.open(tmp_path / "cache", warn=pytest.fail)


def test_round_trip(cache: Cache):
    assert cache.load("key") is None
    entry = cache.store("key", FILES)
    assert entry == cache.folder / "key"
    assert (entry / "program.py").read_bytes() == FILES["program.py"]
    assert cache.load("key") == FILES
    assert Cache.open(cache.folder, warn=pytest.fail).load("key") == FILES
    assert cache.entries() == ["key"]
    assert_tidy(cache)


def test_the_folder_is_private(cache: Cache):
    entry = cache.store("key", FILES)
    assert stat.S_IMODE(cache.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(entry.stat().st_mode) == 0o700


def test_the_first_sound_entry_stays(cache: Cache):
    cache.store("key", {"a": b"first"})
    cache.store("key", {"a": b"second"})
    assert cache.load("key") == {"a": b"first"}
    assert_tidy(cache)


@pytest.mark.parametrize("name", ["", ".", "..", "../up", "a/b", "a\\b", ".hidden", "a\0", "manifest.json", "x" * 300])
def test_names_must_be_plain(cache: Cache, name: str):
    with pytest.raises(ValueError, match="cannot be called"):
        cache.store("key", {name: b""})
    if name != "manifest.json":
        for method in (cache.load, cache.entry, lambda key: cache.store(key, FILES)):
            with pytest.raises(ValueError, match="cannot be called"):
                method(name)
    assert cache.entries() == []


def test_every_flipped_bit_is_noticed(cache: Cache):
    rng = random.Random(1)
    for name in ("program.py", "graph.txt", "manifest.json"):
        content = (cache.store("key", FILES) / name).read_bytes()
        places = range(8 * len(content)) if len(content) < 50 else rng.sample(range(8 * len(content)), 150)
        for place in places:
            path = cache.store("key", FILES) / name
            broken = bytearray(content)
            broken[place // 8] ^= 1 << place % 8
            path.write_bytes(broken)
            # A flip in the white space of the manifest changes nothing that it says.
            found = cache.load("key")
            assert found is None or (found == FILES and name == "manifest.json")
            assert (found is None) == (cache.entries() == [])
            if found is not None:
                path.write_bytes(content)
    assert_tidy(cache)


@pytest.mark.parametrize("name", ["program.py", "graph.txt", "manifest.json"])
def test_truncated_files_are_noticed(cache: Cache, name: str):
    for length in (0, 1, 5):
        path = cache.store("key", FILES) / name
        path.write_bytes(path.read_bytes()[:length])
        assert cache.load("key") is None
        assert cache.entries() == []


@pytest.mark.parametrize("name", ["program.py", "empty", "manifest.json"])
def test_missing_files_are_noticed(cache: Cache, name: str):
    (cache.store("key", FILES) / name).unlink()
    assert cache.load("key") is None
    assert not cache.entry("key").exists()


def test_store_replaces_a_broken_entry(cache: Cache):
    (cache.store("key", FILES) / "empty").write_bytes(b"no longer")
    cache.store("key", FILES)
    assert cache.load("key") == FILES
    assert_tidy(cache)


@pytest.mark.parametrize(
    "manifest",
    [
        "",
        "[]",
        "{}",
        "null",
        '{"files": 1}',
        '{"files": null}',
        '{"files": {"../secret": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}',
        '{"files": {"..": ""}}',
        "[" * 100_000,
        '{"files": ' + "9" * 5000 + "}",
    ],
)
def test_forged_manifests(cache: Cache, manifest: str):
    (cache.folder / "secret").write_bytes(b"")
    (cache.store("key", FILES) / "manifest.json").write_text(manifest)
    assert cache.load("key") is None


def test_an_entry_that_others_can_write_is_dropped(cache: Cache):
    cache.store("key", FILES).chmod(0o770)
    assert cache.load("key") is None
    assert cache.entries() == []


def test_a_file_that_could_change_after_it_was_read_is_dropped(cache: Cache, tmp_path: Path):
    """Even if it is now what was stored."""
    file = cache.store("key", FILES) / "program.py"
    elsewhere = tmp_path / "elsewhere"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)
    assert cache.load("key") is None
    assert elsewhere.read_bytes() == FILES["program.py"]
    file = cache.store("key", FILES) / "program.py"
    if hasattr(os, "getuid") and os.getuid() == 0:
        os.chown(file, 65534, -1)
        assert cache.load("key") is None
    assert_tidy(cache)


def test_what_stands_in_the_way_of_an_entry_is_removed(cache: Cache, tmp_path: Path):
    (cache.folder / "file").write_text("in the way")
    (cache.folder / "link").symlink_to(tmp_path / "nowhere")
    for key in ("file", "link"):
        assert cache.load(key) is None
        cache.store(key, FILES)
        assert cache.load(key) == FILES


# Folders that cannot be used: one warning, and the run goes on in a temporary folder.


def open_unusable(folder: Path, reason: str) -> Cache:
    messages: list[str] = []
    cache = Cache.open(folder, warn=messages.append)
    for key in ("one", "two"):
        with cache.lock(key):
            assert cache.load(key) is None
            assert cache.store(key, FILES).parent == cache.folder
        assert cache.load(key) == FILES
    assert len(messages) == 1
    assert reason in messages[0]
    assert str(folder) in messages[0]
    assert str(cache.folder) in messages[0]
    assert cache.folder != folder
    assert stat.S_IMODE(cache.folder.stat().st_mode) == 0o700
    return cache


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o720, 0o1777])
def test_a_folder_that_others_can_write(tmp_path: Path, mode: int):
    tmp_path.chmod(mode)
    open_unusable(tmp_path, "can be written by others")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    owner = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    folder = tmp_path / "cache"
    folder.mkdir()
    messages: list[str] = []
    cache = Cache.open(folder, warn=messages.append)
    assert "belongs to another user" in messages[0]
    assert cache.folder != folder


def test_no_folder_at_all(tmp_path: Path):
    (tmp_path / "file").write_text("")
    open_unusable(tmp_path / "file", "is not a folder")
    open_unusable(tmp_path / "file" / "below", "Not a directory")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
@pytest.mark.parametrize("at", ["open", "mkdir"])
def test_a_full_or_read_only_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, at: str):
    folder = tmp_path / "cache"
    folder.mkdir()
    fail_below(monkeypatch, folder, at, code)
    open_unusable(folder, os.strerror(code))
    assert [path for path in folder.iterdir() if path.suffix != ".lock"] == []


def fail_below(monkeypatch: pytest.MonkeyPatch, folder: Path, at: str, code: int) -> None:
    """Lets the system refuse every new file (`open`) or folder (`mkdir`) in `folder`. Permissions do not stop root."""
    real_open, real_mkdir = os.open, os.mkdir

    def refuse(path: object) -> None:
        if str(path).startswith(str(folder) + os.sep):
            raise OSError(code, os.strerror(code), str(path))

    def failing_open(path, flags, *args, **kwargs):
        if flags & os.O_CREAT:
            refuse(path)
        return real_open(path, flags, *args, **kwargs)

    def failing_mkdir(path, *args, **kwargs):
        refuse(path)
        return real_mkdir(path, *args, **kwargs)

    if at == "open":
        monkeypatch.setattr(os, "open", failing_open)
    else:
        monkeypatch.setattr(os, "mkdir", failing_mkdir)


def test_a_disk_that_fills_up_in_the_middle_of_an_entry(cache: Cache, monkeypatch: pytest.MonkeyPatch):
    messages: list[str] = []
    cache = Cache.open(cache.folder, warn=messages.append)
    cache.store("before", FILES)
    folder, write_bytes = cache.folder, Path.write_bytes

    def fill_up(path: Path, content: bytes) -> int:
        if path.is_relative_to(folder) and path.name == "graph.txt":
            write_bytes(path, content[:100])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write_bytes(path, content)

    monkeypatch.setattr(Path, "write_bytes", fill_up)
    entry = cache.store("key", FILES)
    assert (entry / "graph.txt").read_bytes() == FILES["graph.txt"]
    assert cache.load("key") == FILES
    assert len(messages) == 1
    assert [path.name for path in folder.iterdir()] == ["before"]


def test_a_write_that_fails_names_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The system names a file that cannot be opened, but none that is full."""

    def full(path: Path, content: bytes) -> int:
        raise OSError(errno.EFBIG, "File too large")

    cache = Cache(tmp_path)
    cache._temporary = True
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=r"File too large: '.*program\.py'") as caught:
        cache.store("key", FILES)
    assert describe_os_error(caught.value).endswith("program.py: File too large")
    there = compile_pool._error(compile_worker.describe_error(caught.value), "the training program 7")
    assert isinstance(there, OSError)
    assert describe_os_error(there) == describe_os_error(caught.value), "from another process too"


def test_a_cache_in_a_read_only_folder_can_still_be_read(cache: Cache, monkeypatch: pytest.MonkeyPatch):
    cache.store("key", FILES)
    fail_below(monkeypatch, cache.folder, "open", errno.EROFS)
    fail_below(monkeypatch, cache.folder, "mkdir", errno.EROFS)
    assert Cache.open(cache.folder, warn=pytest.fail).load("key") == FILES


def test_by_default_the_message_is_a_warning(tmp_path: Path):
    tmp_path.chmod(0o777)
    with pytest.warns(CacheWarning, match="can be written by others") as caught:
        Cache.open(tmp_path)
    assert len(caught) == 1


def test_the_temporary_folder_goes_with_the_process(tmp_path: Path):
    tmp_path.chmod(0o777)
    code = (
        "import os, sys; from pathlib import Path; from microgpt.runtime.storage.cache import Cache\n"
        "cache = Cache.open(Path(sys.argv[1]), warn=lambda message: None)\n"
        "cache.store('key', {'a': b'1'})\n"
        "if os.fork() == 0: sys.exit()\n"
        "os.wait(); assert cache.load('key'); print(cache.folder)"
    )
    folder = Path(run(code, tmp_path).stdout.strip())
    assert folder.name.startswith("microgpt-")
    assert not folder.exists()


def test_where_the_cache_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MICROGPT_CACHE_DIR", str(tmp_path / "mine"))
    assert Cache.open(warn=pytest.fail).folder == (tmp_path / "mine").resolve()
    monkeypatch.setenv("MICROGPT_CACHE_DIR", "~/mine")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert Cache.open(warn=pytest.fail).folder == (tmp_path / "home" / "mine").resolve()
    monkeypatch.setenv("MICROGPT_CACHE_DIR", "")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    folder = Cache.open(warn=pytest.fail).folder
    assert folder.is_relative_to((tmp_path / "home").resolve())
    assert "microgpt" in folder.parts


# Several processes at once.

COMPILE = """
import sys, time
from pathlib import Path
from microgpt.runtime.storage.cache import Cache
folder, name, locked = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "locked"
cache = Cache.open(folder / "cache", warn=sys.exit)
(folder / f"ready-{name}").touch()
while len(list(folder.glob("ready-*"))) < 2:
    time.sleep(0.001)
for number in range(20):
    key = f"key{number}"
    if locked:
        with cache.lock(key):
            if cache.load(key) is None:
                with open(folder / "compiled", "a") as log:
                    log.write(f"{key}\\n")
                cache.store(key, {"program.py": b"same", "by": b"%d" % number})
    else:
        cache.store(key, {"program.py": b"same" * 1000, "by": name.encode()})
    found = cache.load(key)
    assert found and found["program.py"][:4] == b"same", key
"""


@pytest.mark.parametrize("mode", ["locked", "racing"])
def test_two_processes_at_once(tmp_path: Path, mode: str):
    command = [sys.executable, "-c", COMPILE, str(tmp_path)]
    pair = [subprocess.Popen([*command, name, mode], stderr=subprocess.PIPE, text=True) for name in "ab"]
    assert [process.communicate(timeout=60)[1] for process in pair] == ["", ""]
    assert [process.returncode for process in pair] == [0, 0]
    cache = Cache.open(tmp_path / "cache", warn=pytest.fail)
    assert len(cache.entries()) == 20
    assert all(cache.load(key) for key in cache.entries())
    assert_tidy(cache)
    if mode == "locked":
        compiled = (tmp_path / "compiled").read_text().split()
        assert sorted(compiled) == sorted({f"key{number}" for number in range(20)})


def test_a_lock_keeps_others_waiting_but_not_for_ever(cache: Cache, monkeypatch: pytest.MonkeyPatch):
    code = (
        "import sys; from pathlib import Path; from microgpt.runtime.storage import cache\n"
        "cache.PATIENCE = 0.1\n"
        "with cache.Cache.open(Path(sys.argv[1]), warn=sys.exit).lock('key'): print('went on')"
    )
    with cache.lock("key"), cache.lock("another"):
        assert run(code, cache.folder).stdout == "went on\n"


def test_what_fails_under_a_lock_is_not_taken_for_the_lock(cache: Cache):
    with pytest.raises(OSError, match="mine"), cache.lock("key"):
        raise OSError("mine")
    with cache.lock("key"):
        pass


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)


def assert_tidy(cache: Cache) -> None:
    """Nothing half-made is left, and every manifest names exactly the files that are there."""
    assert [path.name for path in cache.folder.iterdir() if path.name.startswith(".")] == []
    for key in cache.entries():
        manifest = json.loads((cache.entry(key) / "manifest.json").read_text())
        assert sorted(manifest["files"]) == sorted(
            {path.name for path in cache.entry(key).iterdir()} - {"manifest.json"}
        )
