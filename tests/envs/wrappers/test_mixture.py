"""`MixtureEnv`: by weight, by seed, and with everything that an environment of its own can do."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from typing import Any

import gymnasium as gym
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from rlvr_gym.envs import (
    EpisodeOverError,
    ListTaskSet,
    SnapshotError,
    Task,
    TextEnv,
    Transition,
    fork,
    restore,
    snapshot,
)
from rlvr_gym.envs.wrappers import Hint, HistoryText, MixtureEnv, UnaryFeedback
from rlvr_gym.verifiers import ConfigError, make_verifier

gym.register("test/Mixture-v0", "rlvr_gym.envs.wrappers.mixture:MixtureEnv")

SUMS = {"id": "rlvr/Arithmetic-v0", "settings": {"style": "compact"}, "weight": 3, "name": "sums"}
CODES = {"id": "rlvr/Mastermind-v0", "settings": {"style": "compact", "length": 2, "symbols": 3}, "name": "codes"}
ENVS = [SUMS, CODES]


def mixture(**settings: Any) -> gym.Env[str, str]:
    return gym.make("test/Mixture-v0", envs=ENVS, **settings)


def test_gymnasium_check_env_is_green() -> None:
    check_env(mixture().unwrapped, skip_render_check=True)


def test_environments_are_drawn_by_weight() -> None:
    """600 draws at 3 : 1: 450 expected, standard deviation 10.6; six of them are allowed, at a fixed seed."""
    env = mixture()
    env.reset(seed=0)
    counts = Counter(env.reset()[1]["source"] for _ in range(600))
    assert set(counts) == {"sums", "codes"}
    assert abs(counts["sums"] - 450) < 64


def test_an_environment_of_weight_0_is_never_drawn_but_can_be_chosen() -> None:
    env = MixtureEnv(envs=[{**SUMS, "weight": 0}, CODES, {**SUMS, "weight": 0.0, "name": "more"}])
    assert {env.reset(seed=seed)[1]["source"] for seed in range(100)} == {"codes"}
    assert env.reset(options={"source": "more"})[1]["source"] == "more"


def test_the_lowest_number_that_can_be_drawn_chooses_no_weight_of_0() -> None:
    class Lowest:
        def random(self) -> float:
            return 0.0

    env = MixtureEnv(envs=[{**SUMS, "weight": 0}, CODES])
    env.np_random = Lowest()  # type: ignore[assignment]
    assert env.choose({}) == 1


def test_the_same_seed_gives_the_same_environment_and_task_whatever_came_before() -> None:
    env, other = mixture(), mixture()
    began = [env.reset(seed=seed) for seed in range(30)]
    for seed in reversed(range(30)):
        assert other.reset(seed=seed) == began[seed]
    assert len({observation for observation, _ in began}) > 10
    assert [env.reset(seed=1), env.reset(), env.reset()] == [other.reset(seed=1), other.reset(), other.reset()]


def test_info_names_the_source_and_is_otherwise_that_of_the_environment() -> None:
    env, alone = mixture(), gym.make(CODES["id"], **CODES["settings"])
    chosen = env.reset(options={"source": "codes", "task_index": 3})
    expected = alone.reset(options={"task_index": 3})
    assert chosen == (expected[0], {**expected[1], "source": "codes"})
    for guess in ("11", "12", "33"):
        one, other = env.step(guess), alone.step(guess)
        assert one[:4] == other[:4]
        assert one[4] == {**other[4], "source": "codes"}
        if one[2]:
            break


def test_names_default_to_ids_and_are_told_apart() -> None:
    env = MixtureEnv(envs=[{"id": "rlvr/Arithmetic-v0"}] * 3)
    names = {env.reset(seed=seed)[1]["source"] for seed in range(50)}
    assert names == {"rlvr/Arithmetic-v0", "rlvr/Arithmetic-v0#2", "rlvr/Arithmetic-v0#3"}


def test_an_entry_may_have_wrappers_of_its_own() -> None:
    wrapped = UnaryFeedback(gym.make("rlvr_gym:rlvr/Arithmetic-v0", style="compact"), turns=2)
    for spec in (wrapped.spec.to_json(), json.loads(wrapped.spec.to_json())):
        env = MixtureEnv(envs=[{"spec": spec, "name": "again"}, {**SUMS, "weight": 0}])
        env.reset(seed=0)
        assert env.step("0")[0] == "Your answer is incorrect. Try again."
        again = fork(env)[0]
        assert again.step("0")[4] == env.step("0")[4]


def test_wrappers_around_it_reach_the_task_in_play() -> None:
    env = Hint(mixture())
    env.reset(seed=0, options={"hint": 0.5})
    assert fork(HistoryText(env))[0].reset(seed=3)[0] == HistoryText(env).reset(seed=3)[0]


def test_a_snapshot_goes_through_json_and_another_process_like_copy() -> None:
    env = mixture()
    env.reset(options={"source": "codes", "task_index": 0})
    env.step("33")
    saved = json.loads(json.dumps(snapshot(env).to_dict()))
    other = gym.make(EnvSpec.from_json(env.spec.to_json()))
    other.reset(seed=5)
    restore(other, saved)
    third = mixture()
    _, info = third.reset(options={"snapshot": saved})
    assert (info["turn"], info["source"]) == (1, "codes")
    copy = pickle.loads(pickle.dumps(env))
    future = [env.step("12"), env.reset(), env.step("0")]
    for twin in (other, third, copy):
        assert [twin.step("12"), twin.reset(), twin.step("0")] == future


def test_a_mixture_of_mixtures_forks() -> None:
    inner = {"id": "test/Mixture-v0", "settings": {"envs": ENVS}}
    env = MixtureEnv(envs=[inner, {**SUMS, "name": "alone"}])
    for seed in range(10):
        env.reset(seed=seed)
        one, other = fork(env, 2, reseed=True)
        [same] = fork(env)
        assert same.step("11") == one.step("11") == other.step("11") == env.step("11")
        assert same.reset() == env.reset()
        assert one.reset() != other.reset()


def test_forks_share_none_of_the_environments_that_are_not_in_play() -> None:
    env = mixture()
    env.reset(options={"source": "codes", "task_index": 0})
    env.reset(options={"source": "sums"})
    [branch] = fork(env)
    for one in (env, branch):
        one.reset(options={"source": "codes", "task_index": 0})
    env.step("11")
    assert branch.step("22")[4]["turn"] == 1


class Dice(TextEnv):
    """Each answer is followed by a throw; nothing is asked."""

    def __init__(self) -> None:
        super().__init__(ListTaskSet([Task.create("Roll.", {"reference": 1})]), make_verifier("number@1"), max_turns=6)

    def get_state(self) -> Any:
        return None

    def transition(self, action: str) -> Transition:
        return Transition(str(self.np_random.integers(1_000_000)))


gym.register("test/Dice-v0", Dice)


def test_beginning_at_a_snapshot_with_a_seed_has_the_random_future_of_that_seed() -> None:
    env = MixtureEnv(envs=[{"id": "test/Dice-v0"}, SUMS])
    env.reset(seed=0, options={"source": "test/Dice-v0"})
    env.step("roll")
    saved = snapshot(env)
    throws = []
    for seed in (None, None, 1, 1, 2):
        env.reset(seed=seed, options={"snapshot": saved})
        throws.append((env.step("roll")[0], env.reset()[0]))
    assert throws[0] == throws[1]
    assert throws[2] == throws[3]
    assert len({throw for throw, _ in throws}) == 3


def test_no_episode_before_the_first_reset_or_after_a_failed_one() -> None:
    env = MixtureEnv(envs=ENVS)
    with pytest.raises(EpisodeOverError, match="call reset"):
        env.step("1")
    with pytest.raises(EpisodeOverError, match="call reset"):
        snapshot(env)
    assert fork(env)[0].reset(seed=0) == env.reset(seed=0)
    with pytest.raises(ConfigError):
        env.reset(options={"source": "sums", "taks_index": 0})
    with pytest.raises(EpisodeOverError, match="call reset"):
        env.step("1")


def test_render_and_close_reach_what_was_made() -> None:
    env = mixture(render_mode="ansi")
    observation, _ = env.reset(seed=0)
    env.step("1")
    assert env.render() == f"[user] {observation}\n[assistant] 1"
    env.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": "sum"}, "did you mean 'sums'"),
        ({"source": 3}, "no source 3"),
        ({"task_index": 3}, "give 'source' beside it"),
        ({"source": "sums", "level": 3}, "no option 'level'"),
        ({"source": "sums", "snapshot": {}}, "stands alone"),
        (7, "options as a dict"),
    ],
)
def test_bad_options_are_refused(options: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        MixtureEnv(envs=ENVS).reset(seed=0, options=options)


@pytest.mark.parametrize(
    ("envs", "message"),
    [
        ([], "envs must be a list"),
        ("rlvr/Arithmetic-v0", "envs must be a list"),
        (["rlvr/Arithmetic-v0"], "an entry of a mixture is a dict"),
        ([{"id": "rlvr/Arithmetik-v0"}], "no environment 'rlvr/Arithmetik-v0'"),
        ([{"id": 3}], "given by its id"),
        ([{"id": "rlvr/Arithmetic-v0", "wieght": 1}], "did you mean 'weight'"),
        ([{"id": "rlvr/Arithmetic-v0", "weight": -1}], "weight must be a number"),
        ([{"id": "rlvr/Arithmetic-v0", "weight": float("nan")}], "weight must be a number"),
        ([{"id": "rlvr/Arithmetic-v0", "weight": 0}], "all 0"),
        ([{"id": "rlvr/Arithmetic-v0", "settings": 3}], "settings must be"),
        ([{"weight": 1}], "either an id or a spec"),
        ([{"spec": "{}"}], "env.spec.to_json"),
        ([SUMS, SUMS], "names of a mixture are different"),
    ],
)
def test_bad_settings_are_refused(envs: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        MixtureEnv(envs=envs)


def test_a_snapshot_of_something_else_is_refused() -> None:
    env = MixtureEnv(envs=ENVS)
    env.reset(options={"source": "codes"})
    saved = snapshot(env).to_dict()
    with pytest.raises(SnapshotError, match="1 to choose from"):
        restore(MixtureEnv(envs=ENVS[:1]), saved)
    with pytest.raises(SnapshotError, match="cannot be restored in"):
        restore(MixtureEnv(envs=ENVS), {**saved, "env": "rlvr_gym.envs.arithmetic:ArithmeticEnv"})
    with pytest.raises(SnapshotError):
        restore(MixtureEnv(envs=ENVS[::-1]), saved)
