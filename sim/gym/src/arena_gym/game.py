"""One arena that is played again and again: what both environments share."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import RefusedError
from .process import TIMEOUT_S, ArenaProcess
from .spaces import Observation, Shape
from .text import describe_felix, describe_villain

Words = dict[str, Any]
"""An action in words, as `{"order": "RESTART", "target": "node-1/orders"}`; docs/gym.md has all of them."""

Action = int | Words | Sequence[int | Words]
"""What an agent does in a step: a number of its action space, an action in words, or several of either."""

SCENARIO_BYTES_MAX = 1024 * 1024
"""The arena takes no longer line; a scenario is some kilobytes."""

RESET_OPTIONS = ("scenario", "options")
"""What a reset may choose. `options` means nothing: PettingZoo's own `parallel_api_test` resets with it."""


@dataclass(frozen=True)
class Step:
    """What came of a step, by agent."""

    observations: dict[str, Observation]
    rewards: dict[str, float]
    terminations: dict[str, bool]
    truncations: dict[str, bool]
    infos: dict[str, dict[str, Any]]


class Game:
    """An `arena gym`, and the shapes of its episodes."""

    def __init__(
        self,
        scenario: str | Path | None,
        *,
        felix: str,
        villain: str,
        step_s: float,
        budget: Mapping[str, Any] | None,
        text: bool,
        binary: str | None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Starts the arena and asks for its shapes; ParallelArena tells the arguments."""
        self._text = text
        self._options: dict[str, Any] = {
            **_scenario(scenario),
            "felix": felix,
            "villain": villain,
            "step_ms": round(step_s * 1000),
            "form": "both" if text else "vectors",
        }
        if budget is not None:
            self._options["budget"] = dict(budget)
        self._binary = binary
        self._timeout_s = timeout_s
        self._is_closed = False
        self._process = ArenaProcess(binary, timeout_s=timeout_s)
        try:
            self.description = self._describe({})
        except BaseException:
            self._process.close()
            raise
        self.agents: list[str] = list(self.description["agents"])
        self.shapes = {agent: Shape.of(self.description, agent) for agent in self.agents}
        self.text = ""
        """The last observation in words, of the healer where there is one."""

    @property
    def process(self) -> ArenaProcess:
        """The child."""
        return self._process

    def close(self) -> None:
        """Ends the child; a second time does nothing."""
        self._is_closed = True
        self._process.close()

    def _describe(self, other: dict[str, Any]) -> dict[str, Any]:
        return self._process.ask({"type": "describe", "options": self._with(other)})

    def _with(self, other: dict[str, Any]) -> dict[str, Any]:
        if not other:
            return self._options
        own = {name: value for name, value in self._options.items() if "scenario" not in name}
        return {**own, **other}

    def reset(self, seed: int, options: Mapping[str, Any] | None) -> tuple[dict[str, Observation], dict[str, dict[str, Any]]]:
        """Begins an episode, at its steady state. Of `options`, `scenario` plays another one of the same shape. A child
        that has ended is replaced: an episode owes nothing to the one before.

        Raises:
            RefusedError: the arena does not take it, an option is unknown, or the scenario has another shape.
        """
        for name in options or {}:
            if name not in RESET_OPTIONS:
                raise RefusedError(f"there is no option {name!r}", "options", "use `scenario`; the rest is chosen with the environment")
        if self._process.ended and not self._is_closed:
            self._process.close()
            self._process = ArenaProcess(self._binary, timeout_s=self._timeout_s)
        other = _scenario((options or {}).get("scenario"))
        if other:
            described = self._describe(other)
            if any(Shape.of(described, agent) != self.shapes[agent] for agent in self.agents):
                raise RefusedError(
                    f"{described['scenario']} has other nodes or services",
                    "options.scenario",
                    "make another environment for it",
                )
        reply = self._process.ask({"type": "reset", "seed": seed, "options": self._with(other)})
        observations, texts = self._read(reply)
        infos = {
            agent: {
                "at_ms": reply["at_ms"],
                "seed": reply["seed"],
                "scenario": reply["scenario"],
                **texts[agent],
            }
            for agent in self.agents
        }
        return observations, infos

    def step(self, actions: Mapping[str, Action]) -> Step:
        """Does what the agents do, and lets a step pass."""
        listed = {agent: _listed(action) for agent, action in actions.items()}
        reply = self._process.ask({"type": "step", "actions": listed})
        observations, texts = self._read(reply)
        return Step(
            observations=observations,
            rewards=reply["rewards"],
            terminations=reply["terminations"],
            truncations=reply["truncations"],
            infos={agent: {"at_ms": reply["at_ms"], **reply["infos"][agent], **texts[agent]} for agent in self.agents},
        )

    def _read(self, reply: dict[str, Any]) -> tuple[dict[str, Observation], dict[str, dict[str, Any]]]:
        seen = reply["observations"]
        observations = {agent: self.shapes[agent].read(seen[agent]["vectors"]) for agent in self.agents}
        texts: dict[str, dict[str, Any]] = {agent: {} for agent in self.agents}
        if self._text:
            # Felix last: where both play, its view is what is shown.
            for agent in sorted(self.agents, reverse=True):
                describe = describe_felix if agent == "felix" else describe_villain
                full = seen[agent]["full"]
                self.text = describe(full)
                texts[agent] = {"full": full, "text": self.text}
        return observations, texts


def _scenario(scenario: str | Path | None) -> dict[str, str]:
    """A curated name, or the text of a file."""
    if scenario is None:
        return {}
    path = Path(scenario)
    if path.suffix != ".toml" and not isinstance(scenario, Path):
        return {"scenario": scenario}
    if path.stat().st_size > SCENARIO_BYTES_MAX:
        raise RefusedError(f"{path} is no scenario: it is too long", "scenario", "name another file")
    return {"scenario_text": path.read_text(encoding="utf-8")}


def _listed(action: Action) -> list[int | Words]:
    """As the arena wants them: a list of whole numbers and of words."""
    if isinstance(action, dict):
        return [action]
    if isinstance(action, Sequence):
        return [one if isinstance(one, dict) else operator.index(one) for one in action]
    return [operator.index(action)]
