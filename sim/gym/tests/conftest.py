"""Where the tests get an arena from: the real one, and ones that misbehave."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from arena_gym import BinaryNotFoundError, find_binary


@pytest.fixture(scope="session")
def arena() -> str:
    """The real binary. Without one the test is skipped, unless nothing may be skipped."""
    try:
        return find_binary()
    except BinaryNotFoundError as error:
        if os.environ.get("ARENA_REQUIRE_TOOLS"):
            raise
        pytest.skip(str(error))


@pytest.fixture
def fake(tmp_path: Path) -> Callable[[str], str]:
    """Makes a program out of some lines of Python, to stand in for `arena`."""

    def make(body: str) -> str:
        path = tmp_path / "arena"
        head = f"#!{sys.executable}\nimport json, sys, time\ndef say(x): print(json.dumps(x), flush=True)\n"
        path.write_text(head + body)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    return make
