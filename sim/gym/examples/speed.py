"""Steps a second, and how much of that is the lines and this package: `python examples/speed.py`."""

from __future__ import annotations

import argparse
import time

from arena_gym import parallel_env


def main() -> None:
    """Plays quiet episodes, once with each form of the observations."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1000)
    steps = parser.parse_args().steps

    for text in (False, True):
        env = parallel_env(text=text)
        env.reset(seed=1)
        begin = time.perf_counter()
        for _ in range(steps):
            if not env.agents:
                env.reset()
            env.step({})
        rate = steps / (time.perf_counter() - begin)
        print(f"{'vectors and words' if text else 'vectors'}: {rate:.0f} steps/s of 1 s")
        env.close()


if __name__ == "__main__":
    main()
