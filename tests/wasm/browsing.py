"""What the tests of WebAssembly share: a tab of a browser that runs programs, and who compiles them."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from microgpt.runtime.executable.wasm import SCRIPT
from microgpt.runtime.machine.toolchain import ToolchainError
from microgpt.runtime.machine.wasm import wasm_module

# Imports the module from its text, as a page that consists of one file does.
_LOAD = """async ([script, bytes]) => {
    const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
    const { load } = await import(address);
    window.program = await load(Uint8Array.from(atob(bytes), (character) => character.charCodeAt(0)));
    window.bits = (numbers) => Array.from(new BigUint64Array(Float64Array.from(numbers).buffer), String);
}"""


def skip_without_wasm() -> None:
    """Skips a test that compiles to WebAssembly, where no compiler does."""
    try:
        wasm_module({"empty.c": "#include <math.h>\n"})
    except ToolchainError as error:
        pytest.skip(f"no compiler makes WebAssembly: {error}")


class Page:
    """A page without a network that has loaded a program, as ``program``; ``bits`` gives those of doubles."""

    def __init__(self, page: Any) -> None:
        self._page = page

    def load(self, folder: Path, name: str) -> None:
        """Loads NAME.wasm with the script beside it."""
        module = base64.b64encode((folder / f"{name}.wasm").read_bytes()).decode()
        self._page.goto("about:blank")
        self._page.evaluate(_LOAD, [(folder / SCRIPT).read_text("utf-8"), module])

    def run(self, body: str, given: object = None) -> Any:
        """What the body of an async function returns."""
        return self._page.evaluate(f"async (given) => {{ {body} }}", given)

    def error(self, body: str, given: object = None) -> str:
        """The message of the Error that it throws."""
        return str(self.run(f"try {{ {body} }} catch (error) {{ return error.message; }} return '';", given))
