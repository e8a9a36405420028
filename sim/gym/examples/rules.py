"""A felix of a few rules against a scenario or a villain: `python examples/rules.py --scenario dies-crash`."""

from __future__ import annotations

import argparse
from typing import Any

from arena_gym import FelixEnv, Words

PATIENCE_S = 15
"""So long an action has time to show what it was worth before the next one."""

LADDERS = {
    "process_exited": ["START"],
    "probe_failed": ["RESTART"],
    "memory_high": ["RESTART"],
    "open_files_high": ["RESTART"],
    "threads_high": ["RESTART"],
    "cpu_high": ["RECOVER", "RESTART"],
    "latency_high": ["RECOVER", "RESTART"],
    "error_rate_high": ["RECOVER", "RESTART"],
    "disk_low": ["CLEAN_DISK"],
}
"""What is tried against a symptom, one after the other."""


class Rules:
    """Acts on the cause of the oldest incident, one rung after the other, then calls a person."""

    def __init__(self) -> None:
        """Nothing was tried yet."""
        self._tried: dict[str, int] = {}
        self._quiet_until_ms = 0

    def __call__(self, seen: dict[str, Any]) -> list[Words]:
        """What to do, seeing this."""
        if seen["at_ms"] < self._quiet_until_ms:
            return []
        for incident in seen["incidents"]:
            ladder = LADDERS.get(incident["symptom"], [])
            rung = self._tried.get(incident["id"], 0)
            if rung > len(ladder):
                continue
            self._tried[incident["id"]] = rung + 1
            if rung == len(ladder):
                return [{"claim": "ESCALATE", "incident": incident["id"]}]
            self._quiet_until_ms = seen["at_ms"] + PATIENCE_S * 1000
            return [{"order": ladder[rung], "target": incident["root_cause"], "incident": incident["id"]}]
        return []


def main() -> None:
    """Plays one episode and tells its score."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", default="dies-crash")
    parser.add_argument("--villain", default="scenario")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()

    env = FelixEnv(arguments.scenario, villain=arguments.villain, text=True)
    _, info = env.reset(seed=arguments.seed)
    rules = Rules()
    over = False
    while not over:
        actions = rules(info["full"])
        _, _, terminated, truncated, info = env.step(actions)
        for action, result in zip(actions, info["actions"], strict=True):
            print(f"{info['at_ms'] / 1000:6.1f} s  {action} {result['refused']}".rstrip())
        over = terminated or truncated
    score = info["final"]["score"]
    print(f"{arguments.scenario}: {score['composite']:.1f} of 100, {'passed' if score['passed'] else 'not passed'}")
    env.close()


if __name__ == "__main__":
    main()
