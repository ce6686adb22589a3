"""Writes docs/playground.png: the playground in Chromium, in the middle of a training.

Compiles the default model to WebAssembly. Look at the picture before you commit it.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from microgpt.data.corpus import load_corpus
from microgpt.model.config import GPTConfig
from microgpt.runtime.storage.cache import Cache
from microgpt.tools.playground.make import make_page

PICTURE = Path(__file__).with_name("playground.png")
STEPS = 600
# Tall enough for everything down to the attention.
SIZE = {"width": 1240, "height": 1460}


def main() -> None:
    """Makes the page, trains in it for a while, and takes its picture."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "page.html"
        path.write_text(make_page(load_corpus("names"), [GPTConfig()], 42, Cache.open()), encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport=SIZE, color_scheme="light")
        tab.goto(path.as_uri())
        tab.wait_for_function("() => window.playground?.isReady")
        tab.keyboard.press(" ")
        tab.wait_for_function("steps => window.playground.step >= steps", arg=STEPS)
        tab.keyboard.press(" ")
        tab.wait_for_timeout(1000)  # until everything has come to rest
        tab.screenshot(path=PICTURE)
        browser.close()


if __name__ == "__main__":
    sys.exit(main())
