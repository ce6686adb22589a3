"""The example of two moons: it learns, says what the docs say, and draws the picture that they show."""

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_moons_are_told_apart_and_drawn(tmp_path: Path):
    picture = tmp_path / "moons.svg"
    script = ROOT / "docs" / "examples" / "moons.py"
    result = subprocess.run(
        [sys.executable, script, picture], check=False, cwd=tmp_path, capture_output=True, text=True
    )
    assert (result.returncode, result.stderr) == (0, "")
    first, *_, accuracy = result.stdout.splitlines()
    assert first == "step   0  loss 1.1494"
    assert accuracy == "accuracy 100%"
    # python docs/examples/moons.py docs/moons.svg writes it anew; look at it.
    assert picture.read_bytes() == (ROOT / "docs" / "moons.svg").read_bytes()
    drawn = ElementTree.parse(picture)
    assert len(drawn.findall(".//{*}circle")) == 4 * 100
