"""Where setuptools builds: outside of this tree, in a folder that goes when the build ends.

In `build/`, where it would by itself, a later build finds what an earlier one left, and packs files that are deleted
here; likewise what it notes in `*.egg-info`. Everything else about the package is in pyproject.toml.
"""

import atexit
import shutil
import tempfile

from setuptools import setup

folder = tempfile.mkdtemp(prefix="microgpt-build-")
atexit.register(shutil.rmtree, folder, ignore_errors=True)
setup(options={"build": {"build_base": folder}, "egg_info": {"egg_base": folder}})
