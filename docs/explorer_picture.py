"""Writes docs/explorer.png: the explorer in Chromium, with the first multiplication of an attention score selected.

Trains the default model for its values. Needs Chromium and a C compiler. Look at the picture before you commit it.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import warnings
from functools import partial
from pathlib import Path

from playwright.sync_api import sync_playwright

import microgpt
from microgpt.compiler.ir.ops import MUL
from microgpt.runtime.programs.recipe import Recipe
from microgpt.tools.explore.make import make_page
from microgpt.tools.explore.values import documents
from microgpt.tools.provenance.chain import Chain
from microgpt.tools.subject.model import ModelSubject

PICTURE = Path(__file__).with_name("explorer.png")
TEXT, SCOPE = "ava", "position3.layer0.head2.scores"
SIZE = {"width": 1280, "height": 800}


def main() -> None:
    """Makes the page, and takes its picture."""
    model, length = microgpt.train("names").checkpoint, len(TEXT) + 1
    values = partial(documents, checkpoint=model, texts=[TEXT], length=length)
    subject = ModelSubject(Recipe("training", length, model.config))
    graph = Chain(subject).graph
    scores = (node for node in range(len(graph)) if graph.origins[graph.origin[node]].scope == SCOPE)
    product = next(node for node in scores if graph.op[node] == MUL)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page = Path(folder) / "page.html"
        page.write_text(make_page(subject, values, False, warnings.warn), encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport=SIZE, color_scheme="light")
        tab.goto(f"{page.as_uri()}#op={product}")
        tab.wait_for_selector("html[data-ready]")
        tab.wait_for_timeout(1000)  # until the panes have scrolled to the selection
        tab.screenshot(path=PICTURE)
        browser.close()


if __name__ == "__main__":
    sys.exit(main())
