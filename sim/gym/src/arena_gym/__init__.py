"""The deterministic arena as an environment: a villain hurts a shop on a virtual clock, felix heals it.

`parallel_env` has both as agents (PettingZoo), `FelixEnv` is felix alone (Gymnasium). Both start `arena gym` as a child and talk JSON
lines with it; what happens in the arena, and what an agent may see of it, is decided there (docs/gym.md).
"""

from .errors import ArenaError, BinaryNotFoundError, ProtocolError, RefusedError
from .game import Action, Game, Words
from .parallel import ParallelArena, parallel_env
from .process import ArenaProcess, find_binary
from .single import FelixEnv
from .spaces import UNKNOWN, Observation, Shape

__all__ = [
    "UNKNOWN",
    "Action",
    "ArenaError",
    "ArenaProcess",
    "BinaryNotFoundError",
    "FelixEnv",
    "Game",
    "Observation",
    "ParallelArena",
    "ProtocolError",
    "RefusedError",
    "Shape",
    "Words",
    "find_binary",
    "parallel_env",
]
