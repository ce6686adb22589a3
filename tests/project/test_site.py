"""The site that MkDocs makes of docs/: it builds, and a link that leads nowhere ends the build."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from helpers import DOCS, docs_script

pytest.importorskip("material", reason="MkDocs is not installed: pip install 'microgpt-compiler[docs]'")

from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.exceptions import Abort

CONFIGURATION = str(DOCS.parent / "mkdocs.yml")


def test_the_site_builds_and_asks_no_server(tmp_path: Path):
    build(load_config(CONFIGURATION, site_dir=str(tmp_path)))
    home = (tmp_path / "index.html").read_text("utf-8")
    assert 'href="tutorial.html"' in home
    assert 'href="notebook.html"' in home
    assert 'src="notebook_pictures/' in (tmp_path / "notebook.html").read_text("utf-8")
    assert 'src="explorer.png"' in home
    assert (tmp_path / "examples" / "train_names.py").exists(), "docs/training.md links to it"
    for page in tmp_path.glob("*.html"):
        assert re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="https?:[^"]*', page.read_text("utf-8")) == []


@pytest.mark.parametrize("link", ["nowhere.md", "index.md#nowhere", "/absolute.md"])
def test_a_link_to_nowhere_ends_the_build(link: str, tmp_path: Path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text(f"# Home\n\n[a link]({link})\n")
    with_one_page: dict[str, Any] = {"docs_dir": str(tmp_path / "docs"), "nav": [{"Home": "index.md"}], "hooks": []}
    with pytest.raises(Abort):
        build(load_config(CONFIGURATION, site_dir=str(tmp_path / "site"), **with_one_page))


def test_links_lead_through_the_site():
    rewritten = docs_script("site_files").rewrite_links
    assert rewritten("[a](docs/fit.md#examples) [b](https://example.org)", "index.md") == (
        "[a](fit.md#examples) [b](https://example.org)"
    )
    assert rewritten("[a](../CONTRIBUTING.md) ![b](moons.svg)", "fit.md") == "[a](contributing.md) ![b](moons.svg)"
    assert rewritten("[a](../fit.md)", "gallery/bodies.md") == "[a](../fit.md)"
