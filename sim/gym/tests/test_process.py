"""The child: how it is found, what is said when it misbehaves, and that it never outlives its owner."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from arena_gym import ArenaProcess, BinaryNotFoundError, ProtocolError, RefusedError, find_binary

HELLO = 'say({"type": "hello", "schema": 1, "version": "0"})\n'


def ended(pid: int, within_s: float = 10.0) -> bool:
    """The process is gone, or a zombie that nobody has to fear."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


def test_without_a_binary_it_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("ARENA_BIN", raising=False)
    with pytest.raises(BinaryNotFoundError, match="ARENA_BIN is not set, and none is on PATH\n  mend: build it"):
        find_binary()
    monkeypatch.setenv("ARENA_BIN", "/nowhere/arena")
    with pytest.raises(BinaryNotFoundError, match="ARENA_BIN is '/nowhere/arena', which is no program"):
        find_binary()
    with pytest.raises(BinaryNotFoundError, match="cannot start /nowhere/arena: No such file"):
        ArenaProcess("/nowhere/arena")


def test_another_program_is_no_arena(fake: Callable[[str], str]) -> None:
    with pytest.raises(ProtocolError, match="which is no JSON"):
        ArenaProcess(fake("print('usage: arena', flush=True)\n"))
    with pytest.raises(ProtocolError, match="instead of hello"):
        ArenaProcess(fake('say({"type": "step"})\n'))
    with pytest.raises(ProtocolError, match="which is no answer"):
        ArenaProcess(fake("say([1])\n"))
    with pytest.raises(ProtocolError, match=r"version 99 of the lines.*\n  mend: install the package"):
        ArenaProcess(fake('say({"type": "hello", "schema": 99})\n'))


def test_an_arena_without_gym_is_too_old(fake: Callable[[str], str]) -> None:
    said = "error: unrecognized subcommand 'gym'"
    with pytest.raises(ProtocolError, match=r"this arena is too old: .* has no `gym`\n  mend: build it again"):
        ArenaProcess(fake(f"print({said!r}, file=sys.stderr); sys.exit(2)\n"))


def test_a_child_that_ends_is_told_with_its_last_words(fake: Callable[[str], str]) -> None:
    process = ArenaProcess(fake(HELLO + "sys.stdin.readline(); print('out of memory', file=sys.stderr); sys.exit(7)\n"))
    with pytest.raises(ProtocolError, match="ended with exit code 7: out of memory"):
        process.ask({"type": "step"})
    assert process.closed
    with pytest.raises(ProtocolError, match="the arena is closed"):
        process.ask({"type": "step"})


@pytest.mark.parametrize("length", [1, 1 << 20])
def test_a_child_that_is_stuck_is_ended(fake: Callable[[str], str], length: int) -> None:
    process = ArenaProcess(fake(HELLO + "time.sleep(1000)\n"), timeout_s=1.0)
    with pytest.raises(ProtocolError, match=r"did not answer within 1\.0 s"):
        process.ask({"type": "x" * length})
    assert ended(process.pid)


def test_a_refusal_is_an_error_and_the_session_lives_on(fake: Callable[[str], str]) -> None:
    refuse = 'say({"type": "error", "what": "no", "where": "type", "mend": "yes"})\n'
    process = ArenaProcess(fake(HELLO + "for line in sys.stdin:\n    " + refuse))
    for _ in range(2):
        with pytest.raises(RefusedError, match=r"no \(type\)\n  mend: yes") as caught:
            process.ask({"type": "step"})
        assert (caught.value.what, caught.value.where, caught.value.mend) == ("no", "type", "yes")
    with pytest.raises(RefusedError, match="not JSON serializable"):
        process.ask({"type": object()})
    assert not process.closed
    process.close()
    assert ended(process.pid)
    process.close()


def test_a_fork_may_not_use_it(fake: Callable[[str], str]) -> None:
    process = ArenaProcess(fake(HELLO + "for line in sys.stdin: say({})\n"))
    child = os.fork()
    if child == 0:
        try:
            process.ask({"type": "step"})
        except ProtocolError as error:
            # Nor does it end it.
            process.close()
            os._exit(0 if "fork" in str(error) else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert process.ask({"type": "step"}) == {}
    process.close()


def test_garbage_ends_its_child(arena: str) -> None:
    process = ArenaProcess(arena)
    pid = process.pid
    del process
    gc.collect()
    assert ended(pid)


@pytest.mark.parametrize("end", ["pass", "raise RuntimeError", "os._exit(3)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_the_child_ends_with_the_interpreter_whichever_way_that_ends(arena: str, end: str) -> None:
    script = f"""
        import os, signal
        from arena_gym import ArenaProcess
        process = ArenaProcess({arena!r})
        print(process.pid, flush=True)
        {end}
    """
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False)
    if "SIGKILL" in end:
        assert run.returncode == -signal.SIGKILL
    assert ended(int(run.stdout))
