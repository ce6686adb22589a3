"""Hooks of the site: the files outside docs/ that it contains, and Markdown that reads the same there as on GitHub.

MkDocs calls `on_files` and `on_page_markdown` by their names.
"""

from __future__ import annotations

import posixpath
import re
from itertools import chain
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]

# Pages outside docs/: path in the repository -> path on the site. Other linked files keep their paths.
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "data/NAMES.md": "names.md",
    "docs/notebook.ipynb": "notebook.md",
}
SOURCES = {place: path for path, place in PAGES.items()}

# GitHub wants a bar inside of a table's code escaped; Python-Markdown wants it as it is.
TABLE_ROW = re.compile(r"^\|.*", re.MULTILINE)
LINK = re.compile(r"(?<=\]\()[^)#:\s]+(?=[)#])")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the files outside docs/ that pages link to; the README is the home page. Notebooks become pages."""
    pages = [*PAGES, *(f"docs/{file.src_uri}" for file in files.documentation_pages())]
    for path in sorted({*PAGES, *chain.from_iterable(map(linked_files, pages))}):
        if path.endswith(".ipynb"):
            add_notebook(files, config, ROOT / path, PAGES[path])
        else:
            files.append(File.generated(config, PAGES.get(path, path), abs_src_path=str(ROOT / path)))
    return files


def add_notebook(files: Files, config: MkDocsConfig, path: Path, place: str) -> None:
    """Adds a notebook as a page, with the outputs that it holds, and its pictures."""
    from nbconvert.exporters import MarkdownExporter

    folder = posixpath.splitext(place)[0] + "_pictures"
    text, found = MarkdownExporter().from_filename(str(path), resources={"output_files_dir": folder})
    files.append(File.generated(config, place, content=text))
    for name, picture in found["outputs"].items():
        files.append(File.generated(config, name, content=picture))


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrites links and the bars in tables."""
    markdown = TABLE_ROW.sub(lambda row: row[0].replace("\\|", "|"), markdown)
    return rewrite_links(markdown, page.file.src_uri)


def linked_files(path: str) -> set[str]:
    """The files outside docs/ that a file of the repository links to."""
    links = LINK.findall((ROOT / path).read_text("utf-8"))
    targets = {posixpath.normpath(posixpath.join(posixpath.dirname(path), link)) for link in links}
    return {target for target in targets if not target.startswith("docs/") and (ROOT / target).is_file()}


def rewrite_links(markdown: str, page: str) -> str:
    """Replaces a page's links, which lead through the repository, by links that lead through the site."""
    source, folder = SOURCES.get(page, f"docs/{page}"), posixpath.dirname(page)

    def on_the_site(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link[0]))
        return posixpath.relpath(PAGES.get(target, target.removeprefix("docs/")), folder or ".")

    return LINK.sub(on_the_site, markdown)
