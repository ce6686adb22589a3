"""Roles: what a part of the model is for, by the names of its scopes, and the colours that show it.

The colours are light, so that black text stands out on each of them, also when they are printed in grey.
"""

from __future__ import annotations

import re

__all__ = ["LAYER", "ROLES", "between_layers", "role_of", "scope_key", "title_of"]

# By role, its colour. The order is that of the legend.
ROLES = {
    "embedding": "#cfe3fa",
    "norm": "#e4e7eb",
    "attention": "#ffe3a8",
    "residual": "#c9efe6",
    "mlp": "#d3efc4",
    "output": "#e4d6f7",
    "loss": "#fbd0cf",
    "other": "#f7f7f4",
}

_SCOPES = (
    ("embedding", re.compile(r"embed")),
    ("norm", re.compile(r"\w*norm")),
    ("attention", re.compile(r"query|key|value|scores|weights|mix|attn\w*")),
    ("mlp", re.compile(r"mlp\w*")),
    ("output", re.compile(r"logits|sample")),
    ("loss", re.compile(r"loss|mean")),
    ("residual", re.compile(r"layer\d*")),
)
# A part of a scope that names the layer.
LAYER = re.compile(r"layer\d+")
_NUMBERED = re.compile(r"([A-Za-z_]+?)\d+")


def role_of(scope: str) -> str:
    """The role of a scope: ``position0.layer0.attn_norm`` is a norm."""
    last = scope.rpartition(".")[2]
    return next((role for role, pattern in _SCOPES if pattern.fullmatch(last)), "other")


def scope_key(scope: str, layers: bool = True) -> str:
    """A scope for all positions and heads: ``layer0.scores``; for all layers, if not `layers`: ``layer.scores``."""
    parts = []
    for part in scope.split("."):
        numbered = _NUMBERED.fullmatch(part)
        if numbered is None:
            parts.append(part)
        elif numbered[1] == "layer":
            parts.append(part if layers else "layer")
    return ".".join(parts)


def between_layers(giver: str, user: str) -> bool:
    """Whether two scopes are in different layers."""
    ends = [LAYER.match(scope) for scope in (giver, user)]
    return all(ends) and len({end[0] for end in ends if end}) == 2


def title_of(scope: str) -> str:
    """What a box for a whole scope is called."""
    parts = scope.split(".")
    if role_of(scope) == "residual":
        parts.append("residual")
    return " · ".join(parts)
