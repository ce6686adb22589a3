"""One tab for all tests."""

from collections.abc import Iterator
from typing import Any

import pytest
from wasm.browsing import Page, skip_without_wasm


@pytest.fixture(scope="session")
def page(chromium: Any) -> Iterator[Page]:
    skip_without_wasm()
    context = chromium.new_context(offline=True)
    yield Page(context.new_page())
    context.close()
