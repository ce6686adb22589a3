"""Fixtures of the explorer's tests: one small page for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from explorer.pages import Tab, Written, small_model, write_page

# Markup, what ends a script, line ends that only JavaScript knows, and what stands for places in the shell.
HOSTILE = (
    "a</script><script>window.harm = 1</script>",
    '"><img src=x onerror="window.harm = 2">',
    "\u2028{{data}}\u2029&lt;",
)


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Two layers, three positions, two texts."""
    return write_page(tmp_path_factory.mktemp("explorer") / "page.html", small_model(), ("eva", "ann"), 4)


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """A page whose texts try to be more than text."""
    model = small_model(HOSTILE)
    return write_page(tmp_path_factory.mktemp("explorer") / "page.html", model, HOSTILE, 3)


@pytest.fixture
def tab(chromium: Any) -> Iterator[Tab]:
    """A tab in which nothing may go wrong, and which may ask for nothing."""
    opened = Tab(chromium)
    yield opened
    opened.close()
    assert opened.troubles == []
    assert all(url.startswith(("file:", "about:")) for url in opened.requests), opened.requests
