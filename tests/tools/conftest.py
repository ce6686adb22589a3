"""What the tests of the tools share."""

from __future__ import annotations

from functools import cache

import pytest

from microgpt.runtime.programs.c_source import model_source
from microgpt.tools.passes import loop_programs
from microgpt.tools.subject import model

_model_source = cache(model_source)


@pytest.fixture(autouse=True)
def _sources_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The C of a model, of which many commands show something, depends on their arguments alone, and takes seconds."""
    for user in (model, loop_programs):
        monkeypatch.setattr(user, "model_source", _model_source)
