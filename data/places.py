"""Where what belongs to a user is kept: corpora that were fetched, and the last trained model."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["user_data_folder"]

ENVIRONMENT_VARIABLE = "MICROGPT_DATA_DIR"


def user_data_folder() -> Path:
    """The user's data folder, or that of `MICROGPT_DATA_DIR`. It need not exist."""
    given = os.environ.get(ENVIRONMENT_VARIABLE)
    if given:
        return Path(os.path.expanduser(given))
    from platformdirs import user_data_path

    return user_data_path("microgpt", appauthor=False)
