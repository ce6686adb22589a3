"""What tests of several folders share."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from microgpt.runtime.machine.toolchain import ToolchainError, find_toolchain

DOCS = Path(__file__).parents[1] / "docs"


def skip_without_compiler(target: str = "c") -> None:
    """Skips a test that needs a C compiler, where there is none."""
    if target == "c":
        try:
            find_toolchain()
        except ToolchainError as error:
            pytest.skip(str(error))


def docs_script(name: str) -> Any:
    """The module of a script in docs/ that writes a page."""
    specification = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # dataclasses look for it
    specification.loader.exec_module(module)
    return module
