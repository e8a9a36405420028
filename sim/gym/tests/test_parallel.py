"""Villain and felix as PettingZoo has them."""

from __future__ import annotations

import os
import signal
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from pettingzoo.test import parallel_api_test, parallel_seed_test  # type: ignore[attr-defined]

from arena_gym import ParallelArena, ProtocolError, RefusedError, parallel_env


def random_episode(env: ParallelArena, seed: int, steps: int) -> list[Any]:
    """Everything that an episode of masked random actions shows."""
    choice = np.random.default_rng(seed)
    observations, infos = env.reset(seed=seed)
    told: list[Any] = [(observations, infos)]
    while env.agents and len(told) <= steps:
        # Mostly nothing: else villain and felix are stopped by their guards all the time.
        actions = {
            agent: int(choice.choice(np.flatnonzero(observations[agent]["action_mask"]))) if choice.random() < 0.3 else 0
            for agent in env.agents
        }
        step = env.step(actions)
        observations = step[0]
        told.append((actions, step))
    return told


def test_it_passes_the_tests_of_pettingzoo(arena: str) -> None:
    env = parallel_env()
    parallel_api_test(env, num_cycles=1000)
    env.close()
    parallel_seed_test(parallel_env, num_cycles=500)  # type: ignore[no-untyped-call]


def test_the_same_seed_is_the_same_episode_to_the_last_number(arena: str) -> None:
    one, other = (parallel_env(text=True, budget={"ttl_min_ms": 5000}) for _ in range(2))
    first = random_episode(one, 7, 60)
    assert len(first) > 30
    assert data_equivalence(first, random_episode(other, 7, 60), exact=True)
    # Nothing of the last episode is left in the next.
    assert data_equivalence(first, random_episode(one, 7, 60), exact=True)
    assert not data_equivalence(first, random_episode(one, 8, 60))
    one.close()
    other.close()


def test_without_a_seed_an_episode_follows_from_the_last_seed(arena: str) -> None:
    env = parallel_env()
    seeds = []
    for _ in range(2):
        env.reset(seed=3)
        seeds.append([env.reset()[1]["felix"]["seed"] for _ in range(2)])
    assert seeds[0] == seeds[1]
    assert seeds[0][0] != seeds[0][1]
    env.close()


def test_the_spaces_hold_every_observation(arena: str) -> None:
    env = parallel_env(villain="agent")
    for _, step in random_episode(env, 1, 40)[1:]:
        for agent, seen in step[0].items():
            assert env.observation_space(agent).contains(seen)
    env.close()


def test_a_fault_is_seen_healed_and_paid(arena: str) -> None:
    env = parallel_env(text=True, step_s=1.0)
    observations, _ = env.reset(seed=1)
    hurt = env.shape("villain").action("crash", "node-1/orders")
    heal = env.shape("felix").action("START", "node-1/orders")
    assert observations["villain"]["action_mask"][hurt] == 1
    assert observations["felix"]["action_mask"][heal] == 0, "it runs"
    observations, _, _, _, infos = env.step({"villain": hurt})
    assert infos["villain"]["actions"][0]["accepted"], infos["villain"]
    for _ in range(30):
        if observations["felix"]["action_mask"][heal]:
            break
        observations = env.step({})[0]
    assert observations["felix"]["action_mask"][heal] == 1, "it is dead"
    observations, rewards, _, _, infos = env.step({"felix": heal})
    assert infos["felix"]["actions"][0]["accepted"], infos["felix"]
    assert rewards["felix"] == -rewards["villain"]
    row = env.shape("felix").places.index("node-1/orders")
    running = env.shape("felix").columns.index("state_running")
    for _ in range(30):
        if observations["felix"]["rows"][row, running]:
            break
        observations = env.step({})[0]
    assert observations["felix"]["rows"][row, running] == 1
    env.close()


def test_a_bad_action_is_refused_by_itself(arena: str) -> None:
    env = parallel_env()
    env.reset(seed=1)
    started = env.shape("felix").action("START", "node-1/orders")
    beyond = env.shape("felix").actions
    words = {"order": "RESTART", "target": "node-9/orders"}
    actions: dict[str, Any] = {
        "felix": [started, beyond, words, {"order": "DANCE", "target": "node-1"}, {}, 0],
        "villain": [-1, {"inject": "rain"}],
    }
    _, _, terminations, _, infos = env.step(actions)
    refused = [one["refused"] for one in infos["felix"]["actions"]]
    assert "start is for stopped services" in refused[0]
    assert f"there is no action {beyond}" in refused[1]
    assert "node-9" in refused[2]
    assert "DANCE" in refused[3]
    assert '{"order": ...}' in refused[4]
    assert refused[5] == ""
    assert not any(one["accepted"] for one in infos["villain"]["actions"])
    assert not any(terminations.values())
    with pytest.raises(TypeError):
        env.step({"felix": 1.5})  # type: ignore[dict-item]
    env.step({})
    env.close()


def test_the_end_tells_the_score_and_the_truth_and_nothing_before_does(arena: str) -> None:
    env = parallel_env("dies-crash", villain="scenario", text=True)
    assert env.possible_agents == ["felix"]
    env.reset(seed=1)
    ended = False
    while env.agents:
        _, _, terminations, truncations, infos = env.step({})
        ended = terminations["felix"] or truncations["felix"]
        assert ("final" in infos["felix"]) == ended
        if not ended:
            assert "crash" not in str(infos["felix"]["full"]).lower().replace("crashed", "")
    final = infos["felix"]["final"]
    assert 0 <= final["score"]["composite"] <= 100
    assert any(fault["fault"] == "crash" for fault in final["faults"])
    assert env.step({}) == ({}, {}, {}, {}, {})
    env.reset(seed=2)
    assert env.agents == ["felix"]
    env.close()


def test_another_scenario_of_the_same_shape_can_be_played(arena: str) -> None:
    env = parallel_env("hang-edge")
    _, infos = env.reset(seed=1, options={"scenario": "gray-slow-payments"})
    assert infos["felix"]["scenario"] == "gray-slow-payments"
    with pytest.raises(RefusedError, match="there is no option 'scenaro'"):
        env.reset(seed=1, options={"scenaro": "hang-edge"})
    with pytest.raises(RefusedError, match="has other nodes or services"):
        env.reset(seed=1, options={"scenario": "control-large"})
    with pytest.raises(RefusedError, match="did you mean hang-edge"):
        env.reset(seed=1, options={"scenario": "hang-edg"})
    env.reset(seed=1)
    env.close()


def test_a_reset_after_the_child_died_starts_another(arena: str) -> None:
    env = parallel_env()
    env.reset(seed=1)
    first = env.game.process
    os.kill(first.pid, signal.SIGKILL)
    with pytest.raises(ProtocolError, match="ended with exit code -9"):
        env.step({})
    env.reset(seed=1)
    assert env.game.process.pid != first.pid
    env.step({})
    # Also when nobody has noticed.
    os.kill(env.game.process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, env.game.process.pid, os.WEXITED | os.WNOWAIT)
    env.reset(seed=1)
    env.close()
    with pytest.raises(ProtocolError, match="the arena is closed"):
        env.reset(seed=1)


def test_it_is_rendered_in_words(arena: str) -> None:
    env = parallel_env(render_mode="ansi")
    env.reset(seed=1)
    env.step({})
    text = env.render()
    assert text is not None
    assert text.startswith("t = ")
    assert "node-1/orders: RUNNING PASSING: cpu" in text
    env.close()
    with pytest.raises(ValueError, match="render_mode is 'human'"):
        parallel_env(render_mode="human")


def test_what_cannot_be_played_is_told_at_once(arena: str) -> None:
    with pytest.raises(RefusedError, match="there is no curated scenario"):
        parallel_env("no-such-scenario")
    with pytest.raises(RefusedError, match="100 to 60000"):
        parallel_env(step_s=0.01)
    with pytest.raises(RefusedError, match="name a scenario"):
        parallel_env(villain="scenario")
    with pytest.raises(RefusedError, match="neither felix nor the villain"):
        parallel_env(felix="rules", villain="random")
    with pytest.raises(RefusedError, match="budget is 0"):
        parallel_env(budget={"faults": 0})
    with pytest.raises(RefusedError, match="unknown"):
        parallel_env(budget={"surprise": 1})
