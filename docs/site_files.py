"""Hooks of the site: the files outside docs/ that it contains, and Markdown that reads the same there as on GitHub.

MkDocs calls `on_files` and `on_page_markdown` by their names.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]

# Path in the repository -> path on the site.
OUTSIDE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "data/NAMES.md": "names.md",
    **{f"examples/{path.name}": f"examples/{path.name}" for path in sorted((ROOT / "examples").glob("*.py"))},
}
SOURCES = {place: path for path, place in OUTSIDE.items()}

# GitHub wants a bar inside of a table's code escaped; Python-Markdown wants it as it is.
TABLE_BAR = re.compile(r"^\|.*", re.MULTILINE)
LINK = re.compile(r"(?<=\]\()[^)#:\s]+(?=[)#])")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the files outside docs/: the README is the home page."""
    for path, place in OUTSIDE.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrites links and the bars in tables."""
    markdown = TABLE_BAR.sub(lambda row: row[0].replace("\\|", "|"), markdown)
    return rewrite_links(markdown, page.file.src_uri)


def rewrite_links(markdown: str, page: str) -> str:
    """Replaces a page's links, which lead through the repository, by links that lead through the site."""
    source, folder = SOURCES.get(page, f"docs/{page}"), posixpath.dirname(page)

    def on_the_site(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link[0]))
        return posixpath.relpath(OUTSIDE.get(target, target.removeprefix("docs/")), folder or ".")

    return LINK.sub(on_the_site, markdown)
