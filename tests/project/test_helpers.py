"""What the tests themselves rely on."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from helpers import ended_children

# Waits for ever, and so does what it has started, which holds the same pipe.
WAITS = """
import subprocess, sys
subprocess.Popen(["sleep", "600"], pass_fds=[int(sys.argv[1])])
print("ready", flush=True)
input()
"""


@pytest.mark.skipif(os.name != "posix", reason="sessions of POSIX")
def test_no_process_is_left() -> None:
    reader, writer = os.pipe()
    pipe, options = subprocess.PIPE, {"pass_fds": [writer], "start_new_session": True}
    with pytest.raises(ZeroDivisionError), ended_children() as start:  # noqa: PT012
        ended = start([sys.executable, "-c", "print()"], stdout=pipe)
        alone = start([sys.executable, "-c", "input()"], stdin=pipe)
        leader = start([sys.executable, "-c", WAITS, str(writer)], stdin=pipe, stdout=pipe, **options)
        assert leader.stdout is not None
        assert leader.stdout.readline() == "ready\n"
        assert ended.wait() == 0
        raise ZeroDivisionError
    assert (ended.returncode, alone.returncode, leader.returncode) == (0, -9, -9)
    streams = (ended.stdout, alone.stdin, leader.stdin, leader.stdout)
    assert all(stream is not None and stream.closed for stream in streams)
    os.close(writer)
    assert os.read(reader, 1) == b"", "nobody writes any more"
    os.close(reader)
