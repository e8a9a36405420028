"""Felix alone as Gymnasium has it."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from arena_gym import FelixEnv


@pytest.mark.parametrize("villain", ["random", "scenario"])
@pytest.mark.filterwarnings("ignore:.*")  # Advice about bounds; what is wrong is an error.
def test_it_passes_the_check_of_gymnasium(arena: str, villain: str) -> None:
    env = FelixEnv("hang-edge", villain=villain)
    check_env(env, skip_render_check=True)
    env.close()


def test_masks_are_those_of_the_observation(arena: str) -> None:
    env = FelixEnv(villain="random", budget={"at_once": 1, "every_ms": 1000})
    seen, _ = env.reset(seed=4)
    for _ in range(20):
        assert np.array_equal(env.action_masks(), seen["action_mask"].astype(bool))
        seen, reward, _, _, _ = env.step(0)
        assert reward <= 0
    env.close()


def test_who_wants_to_play_the_villain_is_told_where() -> None:
    with pytest.raises(ValueError, match="use parallel_env"):
        FelixEnv(villain="agent")
