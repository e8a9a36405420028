"""The child process `arena gym`, and the JSON lines that are exchanged with it.

Invariant: the child ends with this object, whichever way that ends: `close`, garbage collection and the end of the interpreter stop
it; when the interpreter is killed, its end of the pipe closes, and `arena gym` ends by that.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import selectors
import shutil
import subprocess
import tempfile
import time
import weakref
from typing import IO, Any

from .errors import BinaryNotFoundError, ProtocolError, RefusedError

SCHEMA = 1
"""The version of the lines that this package speaks."""

TIMEOUT_S = 60.0
"""A step takes milliseconds and a reset seconds at most: a child that is silent for so long is stuck."""

STOP_S = 2.0
"""How long a child may take to end by itself; then it is killed."""

LINE_BYTES_MAX = 256 * 1024 * 1024
"""Far above an observation of ten thousand nodes: a longer line is no answer."""


def find_binary() -> str:
    """The `arena` binary: what ARENA_BIN names, or the one of PATH.

    Raises:
        BinaryNotFoundError: there is none; says what to do.
    """
    named = os.environ.get("ARENA_BIN")
    if named:
        found = shutil.which(named)
        if found is None:
            raise BinaryNotFoundError(
                f"ARENA_BIN is {named!r}, which is no program\n  mend: set it to the path of the arena binary, as in target/release/arena"
            )
        return found
    found = shutil.which("arena")
    if found is None:
        raise BinaryNotFoundError(
            "there is no arena binary: ARENA_BIN is not set, and none is on PATH\n"
            "  mend: build it (cargo build --release -p arena-cli) and "
            "set ARENA_BIN=$PWD/target/release/arena"
        )
    return found


def _end(child: subprocess.Popen[bytes], errors: IO[bytes], owner: int) -> None:
    """Ends the child: by the end of its input, or else for good. A fork of the owner leaves it alone."""
    if os.getpid() != owner:
        return
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            # Bytes that nobody reads any more are nobody's loss.
            with contextlib.suppress(OSError):
                pipe.close()
    try:
        child.wait(STOP_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    errors.close()


class ArenaProcess:
    """One `arena gym`. Not for several threads at once, nor for a fork of the process that made it."""

    def __init__(self, binary: str | None = None, *, timeout_s: float = TIMEOUT_S) -> None:
        """Starts it and hears its hello.

        Args:
            binary: the path of `arena`; found by `find_binary` when left out.
            timeout_s: how long one answer may take.
        """
        command = [binary or find_binary(), "gym"]
        errors = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                bufsize=0,
            )
        except OSError as error:
            errors.close()
            raise BinaryNotFoundError(f"cannot start {command[0]}: {error.strerror}\n  mend: ARENA_BIN names another one") from error
        self._child = child
        self._errors = errors
        self._owner = os.getpid()
        self._timeout_s = timeout_s
        self._buffer = bytearray()
        self._finalizer = weakref.finalize(self, _end, child, errors, self._owner)
        try:
            hello = self._hello(command[0])
            if hello.get("type") != "hello":
                raise ProtocolError(
                    f"{command[0]} said {_shown(hello)} instead of hello\n"
                    "  mend: is it the arena binary, and of the same version as this package?"
                )
            if hello.get("schema") != SCHEMA:
                raise ProtocolError(
                    f"{command[0]} speaks version {hello.get('schema')} of the lines, "
                    f"and this package version {SCHEMA}\n"
                    "  mend: install the package that came with the binary"
                )
        except BaseException:
            self.close()
            raise
        self.version = str(hello.get("version"))
        """The version of the binary."""

    def _hello(self, binary: str) -> dict[str, Any]:
        try:
            return self._read()
        except ProtocolError as error:
            # What its command line says of a command that it does not have.
            if "unrecognized subcommand 'gym'" not in str(error):
                raise
            raise ProtocolError(
                f"this arena is too old: {binary} has no `gym`\n"
                "  mend: build it again (cargo build --release -p arena-cli), or let ARENA_BIN name a newer one"
            ) from error

    @property
    def pid(self) -> int:
        """The child's process."""
        return self._child.pid

    @property
    def closed(self) -> bool:
        """`close` was called, or the child ended."""
        return not self._finalizer.alive

    @property
    def ended(self) -> bool:
        """The child is gone, or `close` was called. A fork of the owner cannot tell, and it is none of its."""
        if os.getpid() != self._owner:
            return False
        return self.closed or self._child.poll() is not None

    def close(self) -> None:
        """Ends the child; a second time does nothing."""
        self._finalizer()

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Sends one request and gives its answer.

        Raises:
            RefusedError: the arena refuses the request, and goes on.
            ProtocolError: the child ended, is stuck, or does not speak these lines.
        """
        if self.closed:
            raise ProtocolError("the arena is closed\n  mend: make another environment")
        if os.getpid() != self._owner:
            raise ProtocolError(
                "the arena belongs to the process that made it, and this is a fork of it\n"
                "  mend: make the environment in the process that uses it"
            )
        try:
            self._write(json.dumps(request, separators=(",", ":"), allow_nan=False).encode())
            reply = self._read()
        except (ValueError, TypeError) as error:
            # Nothing was sent: what cannot be written as JSON is the caller's mistake.
            raise RefusedError(str(error), "the request", "use numbers, texts, lists and dicts") from error
        except BaseException:
            # Half an exchange cannot be taken up again.
            self.close()
            raise
        if reply.get("type") == "error":
            raise RefusedError(str(reply.get("what")), str(reply.get("where")), str(reply.get("mend")))
        return reply

    def _write(self, line: bytes) -> None:
        pipe = self._child.stdin
        assert pipe is not None
        view = memoryview(line + b"\n")
        until = time.monotonic() + self._timeout_s
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_WRITE)
            while view:
                # Who is stuck does not read either: a long line would wait for it here.
                if not selector.select(max(0.0, until - time.monotonic())):
                    raise self._stuck()
                try:
                    # So much at least fits a pipe that can be written to.
                    view = view[os.write(pipe.fileno(), view[: select.PIPE_BUF]) :]
                except OSError as error:
                    raise self._ended() from error

    def _read(self) -> dict[str, Any]:
        pipe = self._child.stdout
        assert pipe is not None
        until = time.monotonic() + self._timeout_s
        seen = 0
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while (end := self._buffer.find(b"\n", seen)) < 0:
                seen = len(self._buffer)
                if seen > LINE_BYTES_MAX:
                    raise ProtocolError(f"the arena's answer is longer than {LINE_BYTES_MAX} bytes")
                if not selector.select(max(0.0, until - time.monotonic())):
                    raise self._stuck()
                piece = os.read(pipe.fileno(), 1 << 20)
                if not piece:
                    raise self._ended()
                self._buffer += piece
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        try:
            reply = json.loads(line)
        except ValueError as error:
            raise ProtocolError(f"the arena said {_shown(line)}, which is no JSON") from error
        if not isinstance(reply, dict):
            raise ProtocolError(f"the arena said {_shown(reply)}, which is no answer")
        return reply

    def _stuck(self) -> ProtocolError:
        return ProtocolError(f"the arena did not answer within {self._timeout_s} s\n  mend: a larger timeout_s, or a smaller arena")

    def _ended(self) -> ProtocolError:
        """The child is gone: with its exit code, and with what it said last."""
        try:
            code: int | None = self._child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            code = None
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - 2000))
        said = self._errors.read().decode(errors="replace").strip()
        how = "closed its output" if code is None else f"ended with exit code {code}"
        return ProtocolError(f"arena gym {how}" + (f": {said}" if said else ""))


def _shown(value: object) -> str:
    """As much of it as fits a message."""
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + "..."
