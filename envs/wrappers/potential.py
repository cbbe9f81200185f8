"""`PotentialShaping`: a reward for coming nearer that leaves the best policy what it is; and potentials by name."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import gymnasium as gym
from rlvr_gym.envs.mastermind import MastermindEnv
from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.envs.text_env import Info, TextEnv
from rlvr_gym.envs.walking import WalkingEnv
from rlvr_gym.envs.wrappers.base import Options, Step, TextWrapper, added, check_number, parts_of, terms_of
from rlvr_gym.envs.wrappers.many import text_env_of
from rlvr_gym.reward_shaping.potentials import check_end, shaping
from rlvr_gym.verifiers import ConfigError, UnknownNameError
from rlvr_gym.verifiers.errors import shown

_MOST_CODES = 20_000


def goal_distance(env: TextEnv) -> float:
    """Minus the moves from here to the goal, of an environment of places; minus all places where no way leads there.

    It reads the map, which the policy does not see, so that the reward tells of it, as the check `gold_blind` says: for
    training alone.

    Raises:
        ConfigError: The environment is none of places.
    """
    if not isinstance(env, WalkingEnv):
        raise ConfigError(f"the potential 'goal_distance' is for environments of places, not {type(env).__name__}")
    moves: Mapping[str, Mapping[str, str]] = env.task.reference["moves"]
    start, goal = env.get_state()["place"], env.task.reference["goal"]
    distances, queue = {start: 0}, deque([start])
    while queue and goal not in distances:
        here = queue.popleft()
        for there in moves.get(here, {}).values():
            if there not in distances:
                distances[there] = distances[here] + 1
                queue.append(there)
    return -float(distances.get(goal, len(moves)))


def mastermind_information(env: TextEnv) -> float:
    """Minus the entropy in bits of the code, given the guesses so far: the shaping is the information gained.

    All codes that agree with every answer are equally likely; see `rlvr_gym.reward_shaping.information_gain`. It reads
    what the policy was told, and not the code.

    Raises:
        ConfigError: The environment is not Mastermind, or has more than 20,000 codes.
    """
    if not isinstance(env, MastermindEnv):
        raise ConfigError(f"the potential 'mastermind_information' is for Mastermind, not {type(env).__name__}")
    length, symbols = env.task.difficulty["length"], env.task.difficulty["symbols"]
    if symbols**length > _MOST_CODES:
        raise ConfigError(f"there are {symbols**length} codes; their entropy is computed for at most {_MOST_CODES}")
    told = [(guess, tuple(map(str, marks))) for guess, *marks in env.get_state()]
    codes = product("123456789"[:symbols], repeat=length)
    left = sum(all(_marks("".join(code), guess) == marks for guess, marks in told) for code in codes)
    return -math.log2(left)


def _marks(code: str, guess: str) -> tuple[str, str]:
    placed = sum(mine == its for mine, its in zip(code, guess, strict=True))
    return str(placed), str((Counter(code) & Counter(guess)).total() - placed)


POTENTIALS: dict[str, Callable[[TextEnv], float]] = {
    "goal_distance": goal_distance,
    "mastermind_information": mastermind_information,
}
"""Potentials by name: a number of the innermost environment as it stands. One of yours gets a name by an entry here."""


class PotentialShaping(TextWrapper):
    """Every step earns `discount * phi(s') - phi(s)` more, as the term `potential` (Ng, Harada and Russell, 1999).

    The best policies stay what they are, for the potential of the end is 0 and each potential is evaluated once, at the
    visit. Over an episode the terms add up to `-phi(s0)` with discount 1, so that going in circles gains nothing, and
    **a learner with one advantage a trajectory and a group baseline does not see them at all**: use it with credit per
    turn (`rlvr_gym.reward_shaping.is_no_op` says which). An ungradable end is not shaped.

    Args:
        env: The environment; put it directly around that one, inside of what begins it anew.
        potential: A name in `POTENTIALS`.
        discount: That of the learner's return, in [0, 1].
        truncation: `"terminal"`: a truncated episode has ended, for learners that do not bootstrap. `"bootstrap"`: the
            last state keeps its potential.

    Raises:
        ConfigError: A setting is refused.
        UnknownNameError: There is no such potential.

    Example:
        >>> env = PotentialShaping(gym.make("rlvr_gym:rlvr/Mastermind-v0", length=2), "mastermind_information")
        >>> _ = env.reset(options={"task_index": 0})  # the code is 16, one of 36
        >>> [round(env.step(f"<answer>{guess}</answer>")[1], 2) for guess in ("11", "12", "16")]
        [1.85, 1.32, 3.0]
    """

    def __init__(
        self, env: gym.Env[str, str], potential: str, discount: float = 1.0, truncation: str = "terminal"
    ) -> None:
        super().__init__(env, potential=potential, discount=discount, truncation=truncation)
        if potential not in POTENTIALS:
            raise UnknownNameError("potential", str(potential), POTENTIALS)
        self._name = potential  # by name, so that the wrapper can be pickled
        self._discount = check_number("discount", discount, 0.0, 1.0)
        self._keeps = check_end(truncation) == "bootstrap"
        self._potential: float | None = None

    def reset(self, *, seed: int | None = None, options: Options | None = None) -> tuple[str, Info]:
        """See `TextEnv.reset`."""
        self._potential = None
        observation, info = self.env.reset(seed=seed, options=options)
        self._potential = self._here()
        return observation, info

    def step(self, action: str) -> Step:
        """See `TextEnv.step`."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        if self._potential is None or info.get("stop_reason") == "ungradable":
            return observation, float(reward), terminated, truncated, info
        ended = terminated or (truncated and not self._keeps)
        before, self._potential = self._potential, 0.0 if ended else self._here()
        terms = added(terms_of(reward, info), info, "potential", shaping(before, self._potential, self._discount))
        return observation, float(sum(terms.values())), terminated, truncated, {**info, "reward_terms": terms}

    def get_state(self) -> Any:
        """See `TextWrapper.get_state`."""
        return {"potential": self._potential}

    def set_state(self, state: Any) -> None:
        """See `TextWrapper.set_state`."""
        [potential] = parts_of(self, state, "potential")
        if potential is not None and (isinstance(potential, bool) or not isinstance(potential, int | float)):
            raise SnapshotError(f"a potential is a number, got {shown(potential)}")
        self._potential = potential

    def _here(self) -> float:
        inside = text_env_of(self.env)
        if inside is None:
            raise ConfigError("a potential needs a TextEnv inside")
        return float(POTENTIALS[self._name](inside))
