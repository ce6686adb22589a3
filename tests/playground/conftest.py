"""Fixtures of the playground's tests: one browser, and one small page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from explorer.pages import browser
from playground.pages import Small, Tab, small_page


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    with browser() as running:
        yield running


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
