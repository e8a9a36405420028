"""Villain and felix by chance, each held to what nothing is known against: `python examples/random_agents.py --seed 7`."""

from __future__ import annotations

import argparse

from arena_gym import parallel_env

QUIET = 0.9
"""Share of the steps in which an agent does nothing: who acts in each is stopped by budgets and guards."""


def main() -> None:
    """Plays one episode and tells who won what."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    seed = parser.parse_args().seed

    env = parallel_env()
    observations, _ = env.reset(seed=seed)
    for index, agent in enumerate(env.possible_agents):
        env.action_space(agent).seed(seed + index)
    chance = env.action_space("felix").np_random
    total = dict.fromkeys(env.possible_agents, 0.0)
    while env.agents:
        actions: dict[str, int] = {}
        for agent in env.agents:
            if chance.random() < QUIET:
                continue
            actions[agent] = int(env.action_space(agent).sample(mask=observations[agent]["action_mask"]))
        observations, rewards, _, _, infos = env.step(actions)
        for agent, action in actions.items():
            result = infos[agent]["actions"][0]
            said = "" if result["accepted"] else f": {result['refused']}"
            print(f"{infos[agent]['at_ms'] / 1000:6.1f} s  {agent}: {env.shape(agent).name(action)}{said}")
        for agent, reward in rewards.items():
            total[agent] += reward
    print({agent: round(value, 2) for agent, value in total.items()})
    env.close()


if __name__ == "__main__":
    main()
