"""Observations and actions as Gymnasium has them: spaces of fixed sizes, and arrays out of the arena's vectors."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

Observation = dict[str, NDArray[Any]]
"""What an agent sees: `rows`, `globals` and `action_mask`."""

UNKNOWN = -1.0
"""In `rows` and `globals`: there is no reading. Every reading is zero or more."""


@dataclass(frozen=True)
class Shape:
    """The names behind the numbers of one agent. docs/gym.md tells what each means."""

    places: tuple[str, ...]
    """What each row is about: `node` or `node/service`."""
    columns: tuple[str, ...]
    """What each column of `rows` is."""
    globals: tuple[str, ...]
    """What each number of `globals` is."""
    kinds: tuple[str, ...]
    """What each block of actions does: an action of the remediator, or a fault."""

    @classmethod
    def of(cls, description: dict[str, Any], agent: str) -> Shape:
        """Out of the arena's description."""
        own = description[agent]
        return cls(
            places=tuple(description["places"]),
            columns=tuple(own["columns"]),
            globals=tuple(own["globals"]),
            kinds=tuple(own["kinds"]),
        )

    @property
    def actions(self) -> int:
        """How many actions there are; 0 does nothing."""
        return 1 + len(self.kinds) * len(self.places)

    def action(self, kind: str, place: str) -> int:
        """The number of an action, as `action("RESTART", "node-1/orders")`.

        Raises:
            ValueError: there is no such kind or place.
        """
        return 1 + self.kinds.index(kind) * len(self.places) + self.places.index(place)

    def name(self, action: int) -> str:
        """What an action does, in words.

        Raises:
            ValueError: there is no such action.
        """
        if action == 0:
            return "nothing"
        if not 0 < action < self.actions:
            raise ValueError(f"there is no action {action}: use 0 to {self.actions - 1}")
        kind, place = divmod(action - 1, len(self.places))
        return f"{self.kinds[kind]} {self.places[place]}"

    def observation_space(self) -> spaces.Dict:
        """A new space for what the agent sees."""
        most = float(np.finfo(np.float32).max)

        def numbers(*shape: int) -> spaces.Box:
            return spaces.Box(UNKNOWN, most, shape, np.float32)

        return spaces.Dict(
            {
                "rows": numbers(len(self.places), len(self.columns)),
                "globals": numbers(len(self.globals)),
                "action_mask": spaces.MultiBinary(self.actions),
            }
        )

    def action_space(self) -> spaces.Discrete:
        """A new space for what the agent does."""
        return spaces.Discrete(self.actions)

    def read(self, vectors: dict[str, str]) -> Observation:
        """An observation out of the arena's vectors; the arrays are the caller's own."""
        bits = np.frombuffer(base64.b64decode(vectors["action_mask"]), np.uint8)
        rows = _floats(vectors["rows"]).reshape(len(self.places), len(self.columns))
        return {
            "rows": rows,
            "globals": _floats(vectors["globals"]),
            "action_mask": np.unpackbits(bits, count=self.actions).view(np.int8),
        }


def _floats(text: str) -> NDArray[np.float32]:
    # A copy: what is read out of bytes cannot be written to, and may not be aligned to the machine's order.
    return np.frombuffer(base64.b64decode(text), "<f4").astype(np.float32)
