"""The page of the default model at length 4: its links, its size, and how soon it is there. No time is asserted."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from explorer.pages import PANES, Tab, Written, check_clicks, write_page

from microgpt.data.tokenizer import Tokenizer
from microgpt.model.config import GPTConfig
from microgpt.model.gpt import initial_parameters
from microgpt.runtime.training.checkpoint import Checkpoint

LARGEST = 5_000_000  # bytes
MOST_NODES = 150

pytestmark = pytest.mark.slow

HOVER = """async () => {
    const { explorer } = window;
    explorer.durations = [];
    for (const [pane, listing] of Object.entries(explorer.listings)) {
        const count = listing.source.count;
        for (let i = 0; i < 40; i++) {
            const line = Math.floor((count * i) / 40);
            explorer.hover(pane === "ir" ? { op: line } : { pane, line: line + 1 });
            await new Promise(requestAnimationFrame);
        }
    }
    const sorted = explorer.durations.toSorted((one, other) => one - other);
    return [0.5, 0.95, 1].map((share) => sorted[Math.ceil(share * sorted.length) - 1]);
}"""


@pytest.fixture(scope="module")
def default(tmp_path_factory: pytest.TempPathFactory) -> Written:
    tokenizer = Tokenizer.of(["abcdefghijklmnopqrstuvwxyz"])
    config = GPTConfig(vocab_size=tokenizer.vocab_size)
    model = Checkpoint(config, tokenizer, 1, 0, initial_parameters(config, Random(1)))
    return write_page(tmp_path_factory.mktemp("budget") / "page.html", model, ("ann", "eve"), 4)


def test_it_is_small_and_soon_there(tab: Tab, default: Written) -> None:
    size = default.path.stat().st_size
    assert size < LARGEST
    page = tab.open(default.address)
    paint = page.evaluate("() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime")
    ready = page.evaluate("() => performance.getEntriesByName('ready')[0].startTime")
    hover = page.evaluate(HOVER)
    print(f"\n{size:,} bytes; first paint after {paint or 0:.0f} ms, ready after {ready:.0f} ms")
    print("hover, ms: median {:.1f}, 95 in 100 below {:.1f}, longest {:.1f}".format(*hover))


def test_every_level_stays_legible(tab: Tab, default: Written) -> None:
    page = tab.open(default.address)
    most: dict[str, Any] = page.evaluate(
        """() => {
            const { atlas } = window.explorer;
            const most = {};
            const count = (selection) => {
                window.explorer.drawing.show(selection);
                const { level, nodes } = window.explorer.drawing.picture;
                most[level] = Math.max(most[level] ?? 0, nodes.length);
            };
            count(null);
            const seen = new Set();
            for (let i = 0; i < 100; i++) {
                const op = Math.floor((atlas.graph.size * i) / 100);
                const around = atlas.around(op);
                if (around.op !== undefined) continue;
                const { block, scope, way, vector } = around;
                for (const select of [{ block }, { block, scope }, { block, scope, way, vector }]) {
                    const key = JSON.stringify(select);
                    if (!seen.has(key)) count(select);
                    seen.add(key);
                }
                if (i % 4 === 0) count({ op });
            }
            return most;
        }"""
    )
    assert set(most) == {"model", "block", "scope", "vector", "op"}
    assert max(most.values()) <= MOST_NODES, most


@pytest.mark.parametrize("pane", PANES)
def test_a_click_lights_the_same_lines_as_the_chain(tab: Tab, default: Written, pane: str) -> None:
    check_clicks(tab, default, pane, 4)
