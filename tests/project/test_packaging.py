"""What is built is what is there: no build leaves anything that a later one finds."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What a build of its own kind is tried for: as pip builds it, as `python -m build` does, and as `pip install -e` does.
BUILD = """
import os, sys
from setuptools import build_meta
os.makedirs(sys.argv[2])
getattr(build_meta, "build_" + sys.argv[1])(sys.argv[2])
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what git has here, or of what a source distribution has."""
    if importlib.util.find_spec("setuptools") is None or _setuptools_version() < 77:
        pytest.skip("setuptools 77 or newer is not installed: pip install 'microgpt-compiler[test]'")
    copy = tmp_path / "checkout"
    ignored = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "tests")
    shutil.copytree(ROOT, copy, ignore=ignored)
    return copy


def _setuptools_version() -> int:
    from importlib.metadata import version

    return int(version("setuptools").partition(".")[0])


def build(kind: str, checkout: Path, folder: Path) -> Path:
    """Builds as pip and `build` do it, each time in a process of its own; gives the file that was made."""
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BUILD, kind, str(folder)],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    (made,) = folder.iterdir()
    return made


@pytest.mark.parametrize("kind", ["wheel", "sdist", "editable"])
def test_a_build_leaves_nothing(kind: str, checkout: Path, tmp_path: Path):
    before = sorted(checkout.rglob("*"))
    build(kind, checkout, tmp_path / "out")
    assert sorted(checkout.rglob("*")) == before


def test_a_deleted_file_does_not_come_back(checkout: Path, tmp_path: Path):
    extra = checkout / "runtime" / "deleted_later.py"
    extra.write_text("ANSWER = 42\n")
    first = zipfile.ZipFile(build("wheel", checkout, tmp_path / "first")).namelist()
    extra.unlink()
    second = zipfile.ZipFile(build("wheel", checkout, tmp_path / "second")).namelist()
    assert "microgpt/runtime/deleted_later.py" in first
    assert second == [name for name in first if "deleted_later" not in name]
    assert "microgpt/data/names.txt" in second


def test_what_an_older_build_left_is_not_packed(checkout: Path, tmp_path: Path):
    stale = checkout / "build" / "lib" / "microgpt" / "runtime" / "stale.py"
    stale.parent.mkdir(parents=True)
    stale.write_text("")
    names = zipfile.ZipFile(build("wheel", checkout, tmp_path / "out")).namelist()
    assert not [name for name in names if "stale" in name]


@pytest.mark.slow
def test_the_source_distribution_builds_the_same_wheel(checkout: Path, tmp_path: Path):
    archive = build("sdist", checkout, tmp_path / "sdist")
    options = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # Python 3.11.2 has none
    shutil.unpack_archive(archive, tmp_path / "unpacked", **options)
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    packed = build("wheel", unpacked, tmp_path / "packed")
    direct = build("wheel", checkout, tmp_path / "direct")
    assert zipfile.ZipFile(packed).namelist() == zipfile.ZipFile(direct).namelist()
