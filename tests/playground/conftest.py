"""Fixtures of the playground's tests: one small page for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playground.pages import Small, Tab, small_page


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    return small_page(tmp_path_factory.mktemp("playground"))


@pytest.fixture
def tab(chromium: Any) -> Iterator[Tab]:
    """A tab in which nothing may go wrong, and which may ask for nothing."""
    opened = Tab(chromium)
    yield opened
    opened.close()
    assert opened.troubles == []
    assert all(url.startswith(("file:", "blob:", "about:")) for url in opened.requests), opened.requests


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MICROGPT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MICROGPT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return tmp_path
