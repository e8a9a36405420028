"""What can go wrong, each with what to do about it."""

from __future__ import annotations


class ArenaError(Exception):
    """Anything that this package raises about the arena."""


class BinaryNotFoundError(ArenaError):
    """There is no `arena` to start."""


class ProtocolError(ArenaError):
    """The child is no `arena gym` that this package understands, or it has ended."""


class RefusedError(ArenaError):
    """The arena refused a request as a whole. The episode goes on."""

    def __init__(self, what: str, where: str, mend: str) -> None:
        super().__init__(f"{what} ({where})\n  mend: {mend}")
        self.what = what
        """What is wrong."""
        self.where = where
        """Where: a field, or a column of the line."""
        self.mend = mend
        """How to mend it."""
