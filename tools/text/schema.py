"""Schema: what every JSON object of ours begins with, described in docs/json.md."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["JSON_VERSION", "with_schema", "without_infinities"]

# Of all schemas of --json; raised when a field changes its meaning or goes away. New fields do not raise it.
JSON_VERSION = 1


def with_schema(schema: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """`data`, and before it what it is and of which version."""
    return {"schema": f"microgpt.{schema}", "version": JSON_VERSION, **data}


def without_infinities(data: Any) -> Any:
    """A copy of plain data with None for every number that JSON does not have."""
    match data:
        case float():
            return data if math.isfinite(data) else None
        case dict():
            return {name: without_infinities(value) for name, value in data.items()}
        case list() | tuple():
            return [without_infinities(value) for value in data]
    return data
