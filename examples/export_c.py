"""A trained model as a C library that needs neither Python nor anything but libm, and a program that uses it."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import microgpt

model = microgpt.train("names", steps=300, n_embd=8, n_head=2, block_size=8)
with tempfile.TemporaryDirectory() as folder:
    for path in model.export(folder):
        print(f"{path.name:10} {path.stat().st_size:7} bytes")
    if shutil.which("make") and shutil.which("cc"):
        subprocess.run(["make", "-s", "-C", folder], check=True)
        printed = subprocess.check_output([Path(folder, "microgpt"), "sample", "5", "7"], text=True)
        print(printed, end="")
        # The same names, drawn with the same random numbers, as from Python.
        assert [line.removeprefix("sample ") for line in printed.splitlines()] == model.sample(5, seed=7)
