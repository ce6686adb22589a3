"""What a browser lets one of our pages do: use the style and the script that it came with, and nothing else.

Nothing else has any effect then, should somebody manage to put it into the page.
"""

from __future__ import annotations

import base64
import hashlib

__all__ = ["content_policy"]


def content_policy(style: str, script: str | None = None, worker: bool = False) -> str:
    """The Content-Security-Policy of a page with exactly this style sheet and, if any, this script.

    Args:
        worker: whether the script may start workers of texts that it makes, and run WebAssembly.
    """
    scripts = "" if script is None else f" script-src '{_digest(script)}'"
    if worker:
        scripts += " 'wasm-unsafe-eval'; worker-src blob:"
    scripts += ";" if scripts else ""
    return f"default-src 'none'; style-src '{_digest(style)}';{scripts} base-uri 'none'; form-action 'none'"


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
