"""docs/wasm.md: its commands run, and its page trains in a browser."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from wasm.browsing import skip_without_wasm

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "wasm.md").read_text("utf-8")
FUNCTION = re.search(r"^`model.py`:\n\n```python\n(.*?)^```", (DOCS / "c.md").read_text("utf-8"), re.M | re.S)
NAMES = ["anna", "bob", "eve", "hannah", "otto", "ada", "abba", "elle", "aziza", "xerxes", "jacky", "fiqvgmpsuw"]
SMALL = "--n-embd 4 --n-head 2 --block-size 5 --data names.txt"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        """Says nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a folder on this machine alone."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.slow
def test_the_page(chromium: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    skip_without_wasm()
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")

    def run(command: str) -> str:
        result = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert result.returncode == 0, f"{command}: {result.stderr}"
        return result.stdout

    page = re.search(r"^`page.html`:\n\n```html\n(.*?)^```", PAGE, re.M | re.S)
    assert page is not None
    assert FUNCTION is not None
    assert len(page[1].splitlines()) <= 35
    (tmp_path / "page.html").write_text(page[1], "utf-8")
    (tmp_path / "model.py").write_text(FUNCTION[1], "utf-8")
    (tmp_path / "names.txt").write_text("\n".join(NAMES), "utf-8")
    export, copy, serve, function = re.findall(r"^\$ (.*)", PAGE, re.MULTILINE)
    assert serve == "python3 -m http.server --directory web"
    run(f"{export} {SMALL}")
    run(copy)
    run(function)
    expected = run(f"microgpt train --numerics portable --steps 1000 {SMALL}")
    with served(tmp_path / "web") as address:
        tab = chromium.new_page()
        troubles: list[str] = []
        tab.on("pageerror", lambda error: troubles.append(str(error)))
        tab.goto(f"{address}/page.html")
        tab.wait_for_function("document.getElementById('taken').textContent === '1000'", timeout=120_000)
        tab.wait_for_function("document.getElementById('names').textContent.split('\\n').length === 20")
        names = tab.locator("#names").text_content().split("\n")
        result = tab.evaluate("""async () => {
            const { load } = await import("./microgpt.js");
            const distance = await load(await (await fetch("distance.wasm")).arrayBuffer());
            const { value, gradient } = distance([0, 0, 3, 4]);
            return [value, ...gradient].map((number) => Number(number.toPrecision(9)));
        }""")
    assert troubles == []
    assert names == [name.strip() for name in re.findall(r"^sample +\d+:(.*)", expected, re.MULTILINE)]
    assert str(result) in re.sub(r"\{ value: (.*?), gradient: \[(.*?)\] \}", r"[\1, \2]", PAGE)
