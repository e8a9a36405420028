"""Felix alone against a villain that is not played from outside: a Gymnasium environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from .game import Action, Game
from .parallel import SEED_MAX
from .process import TIMEOUT_S
from .spaces import Observation, Shape

FELIX = "felix"


class FelixEnv(gymnasium.Env[Any, Any]):
    """Heal what a scenario, chance or an adaptive villain hurts. Rewards and observations as ParallelArena's felix."""

    metadata: dict[str, Any] = {"render_modes": ["ansi"]}

    def __init__(
        self,
        scenario: str | Path | None = None,
        *,
        villain: str = "random",
        step_s: float = 1.0,
        budget: Mapping[str, Any] | None = None,
        text: bool = False,
        render_mode: str | None = None,
        binary: str | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Starts an arena; ParallelArena tells the arguments. `villain` is anybody but `agent`."""
        if villain == "agent":
            raise ValueError("villain is 'agent': use parallel_env to play both")
        if render_mode not in (None, "ansi"):
            raise ValueError(f"render_mode is {render_mode!r}: use 'ansi' or None")
        self.render_mode = render_mode
        self._game = Game(
            scenario,
            felix="agent",
            villain=villain,
            step_s=step_s,
            budget=budget,
            text=text or render_mode == "ansi",
            binary=binary,
            timeout_s=timeout_s,
        )
        self.observation_space = self.shape.observation_space()
        self.action_space = self.shape.action_space()
        self._mask: NDArray[np.int8] = np.zeros(self.shape.actions, np.int8)

    @property
    def game(self) -> Game:
        """The arena behind it."""
        return self._game

    @property
    def shape(self) -> Shape:
        """The names behind the numbers of its observations and actions."""
        return self._game.shapes[FELIX]

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observation, dict[str, Any]]:
        """Begins an episode. Of `options`, `scenario` plays another scenario with the same nodes and services."""
        super().reset(seed=seed)
        if seed is None:
            seed = int(self.np_random.integers(SEED_MAX))
        observations, infos = self._game.reset(seed, options)
        return self._seen(observations), infos[FELIX]

    def step(self, action: Action) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """One step; an action is a number, words, or a list of them."""
        step = self._game.step({FELIX: action})
        return (
            self._seen(step.observations),
            step.rewards[FELIX],
            step.terminations[FELIX],
            step.truncations[FELIX],
            step.infos[FELIX],
        )

    def _seen(self, observations: dict[str, Observation]) -> Observation:
        seen = observations[FELIX]
        self._mask = seen["action_mask"].copy()
        return seen

    def action_masks(self) -> NDArray[np.bool_]:
        """The actions that nothing is known against, where learners ask the environment for them."""
        return self._mask.astype(np.bool_)

    def render(self) -> str | None:
        """The last observation in words, with `render_mode="ansi"`."""
        return self._game.text if self.render_mode == "ansi" else None

    def close(self) -> None:
        """Ends the arena; a second time does nothing."""
        self._game.close()
