"""One browser for all tests."""

from collections.abc import Iterator

import pytest
from wasm.browsing import Page, opened, skip_without_wasm


@pytest.fixture(scope="session")
def page() -> Iterator[Page]:
    skip_without_wasm()
    with opened() as page:
        yield page
