"""Villain and felix in one arena: a PettingZoo ParallelEnv."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv

from .game import Action, Game
from .process import TIMEOUT_S
from .spaces import Observation, Shape

SEED_MAX = 2**31 - 1
"""Of a seed that is drawn here: short enough to be written down."""


class ParallelArena(ParallelEnv[str, Any, Any]):
    """Villain hurts, felix heals, both at once and step by step.

    Rewards, observations, actions and the end of an episode are told in docs/gym.md. The same seed and the same actions give the same
    episode. After an action that does not fit, the episode goes on: `infos[agent]["actions"]` says what became of each.
    """

    metadata: dict[str, Any] = {"name": "arena_v1", "render_modes": ["ansi"]}

    def __init__(
        self,
        scenario: str | Path | None = None,
        *,
        felix: str = "agent",
        villain: str = "agent",
        step_s: float = 1.0,
        budget: Mapping[str, Any] | None = None,
        text: bool = False,
        render_mode: str | None = None,
        binary: str | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Starts an arena.

        Args:
            scenario: the name of a curated scenario, or the path of a file (`.toml`); free play in the shop when left out.
            felix: who heals: `agent` (you), `rules` (the remediator), `nobody` or `reference` (who knows the truth).
            villain: who hurts: `agent` (you), `scenario`, `random`, `adaptive` or `nobody`.
            step_s: how long a step is, 0.1 to 60 s.
            budget: what a villain may make: `faults`, `at_once`, `names`, `families`, `ttl_min_ms`, `ttl_max_ms`, `every_ms`.
            text: `infos[agent]` has the observation in words (`text`) and field by field (`full`), for agents that read.
            render_mode: `ansi`: `render` gives the last observation in words.
            binary: the path of `arena`; ARENA_BIN or PATH when left out.
            timeout_s: how long one answer of the arena may take; then it is ended, and the next reset starts another.

        Raises:
            BinaryNotFoundError: there is no `arena`.
            RefusedError: the arena does not take these arguments; says why.
        """
        if render_mode not in (None, "ansi"):
            raise ValueError(f"render_mode is {render_mode!r}: use 'ansi' or None")
        self.render_mode = render_mode
        self._game = Game(
            scenario,
            felix=felix,
            villain=villain,
            step_s=step_s,
            budget=budget,
            text=text or render_mode == "ansi",
            binary=binary,
            timeout_s=timeout_s,
        )
        self.possible_agents = list(self._game.agents)
        self.agents = []
        self._random = np.random.default_rng()
        self.observation_spaces = {agent: shape.observation_space() for agent, shape in self._game.shapes.items()}
        self.action_spaces = {agent: shape.action_space() for agent, shape in self._game.shapes.items()}

    @property
    def game(self) -> Game:
        """The arena behind it."""
        return self._game

    def shape(self, agent: str) -> Shape:
        """The names behind the numbers of an agent's observations and actions."""
        return self._game.shapes[agent]

    def observation_space(self, agent: str) -> spaces.Dict:
        """What an agent sees; the same object each time."""
        return self.observation_spaces[agent]  # type: ignore[return-value]

    def action_space(self, agent: str) -> spaces.Discrete:
        """What an agent does, by number; `step` takes words as well."""
        return self.action_spaces[agent]  # type: ignore[return-value]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Observation], dict[str, dict[str, Any]]]:
        """Begins an episode. Without a seed it is one that follows from the last seed that was given.

        Of `options`, `scenario` plays another scenario with the same nodes and services; what it does not know is refused.
        """
        if seed is not None:
            self._random = np.random.default_rng(seed)
        else:
            seed = int(self._random.integers(SEED_MAX))
        observations, infos = self._game.reset(seed, options)
        self.agents = list(self.possible_agents)
        return observations, infos

    def step(
        self, actions: Mapping[str, Action]
    ) -> tuple[
        dict[str, Observation],
        dict[str, float],
        dict[str, bool],
        dict[str, bool],
        dict[str, dict[str, Any]],
    ]:
        """One step. Who is left out of `actions` does nothing. When the episode is over, `agents` is empty."""
        if not self.agents:
            return {}, {}, {}, {}, {}
        step = self._game.step(actions)
        if any(step.terminations.values()) or any(step.truncations.values()):
            self.agents = []
        return step.observations, step.rewards, step.terminations, step.truncations, step.infos

    def render(self) -> str | None:
        """The last observation in words, with `render_mode="ansi"`."""
        return self._game.text if self.render_mode == "ansi" else None

    def close(self) -> None:
        """Ends the arena; a second time does nothing."""
        self.agents = []
        self._game.close()


def parallel_env(scenario: str | Path | None = None, **arguments: Any) -> ParallelArena:
    """Villain and felix in one arena; ParallelArena tells the arguments."""
    return ParallelArena(scenario, **arguments)
