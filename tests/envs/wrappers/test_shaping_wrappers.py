"""`PotentialShaping`, `NoveltyBonus`, `OverlongPenalty`: what they add to the reward, and nothing else."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import pytest
from rlvr_gym.envs import ListTaskSet, Snapshot, SnapshotError, Task, TextEnv, fork, restore, snapshot
from rlvr_gym.envs.check import check_text_env
from rlvr_gym.envs.wrappers import TurnLimit, UnaryFeedback
from rlvr_gym.envs.wrappers.novelty import NOVELTY_KEYS, NoveltyBonus
from rlvr_gym.envs.wrappers.overlong import OverlongPenalty
from rlvr_gym.envs.wrappers.potential import POTENTIALS, PotentialShaping, goal_distance
from rlvr_gym.reward_shaping import CountMemory, idle_terms
from rlvr_gym.verifiers import ConfigError, UnknownNameError, make_verifier


def mastermind(**settings: Any) -> gym.Env[str, str]:
    return gym.make("rlvr_gym:rlvr/Mastermind-v0", **{"length": 2, "style": "compact", "max_turns": 4, **settings})


def corridor() -> gym.Env[str, str]:
    return gym.make("rlvr_gym:rlvr/Corridor-v0")


STACKS: dict[str, Callable[[], gym.Env[str, str]]] = {
    "information": lambda: PotentialShaping(mastermind(), "mastermind_information", truncation="bootstrap"),
    "distance": lambda: PotentialShaping(gym.make("rlvr_gym:rlvr/Maze-v0"), "goal_distance", discount=0.9),
    "counts": lambda: NoveltyBonus(mastermind(), cap=0.05),
    "rnd": lambda: NoveltyBonus(mastermind(), of="words", memory={"kind": "rnd", "size": 16}),
    "overlong": lambda: OverlongPenalty(gym.make("rlvr_gym:rlvr/Arithmetic-v0"), limit=20, cache=10),
    "all": lambda: UnaryFeedback(
        NoveltyBonus(
            OverlongPenalty(PotentialShaping(mastermind(), "mastermind_information"), limit=9, cache=5), of="answer"
        ),
        turns=2,
    ),
}


@pytest.mark.parametrize("name", STACKS)
def test_a_shaped_environment_keeps_every_promise(name: str) -> None:
    told = ["gold_blind"] if name == "distance" else []  # the distance is read from the map, as it says
    check_text_env(STACKS[name], turns=4, tasks=2, seeds=2, skip=told)


@pytest.mark.parametrize("name", STACKS)
def test_shaping_leaves_all_but_the_reward_alone(name: str) -> None:
    env, plain = STACKS[name](), STACKS[name]().unwrapped
    env.reset(options={"task_index": 1})
    plain.reset(options={"task_index": 1})
    over = False
    while not over and name != "all":
        observation, reward, *ends, info = env.step("1")
        expected, _, *plain_ends, plain_info = plain.step("1")
        assert (observation, ends) == (expected, plain_ends)
        assert reward == pytest.approx(sum(info["reward_terms"].values()))
        added = {"potential", "novelty", "overlong"}
        assert {k: v for k, v in info["reward_terms"].items() if k not in added} == plain_info["reward_terms"]
        unlike = {key for key in info if info.get(key) != plain_info.get(key)}
        assert unlike <= {"reward_terms", "response_tokens"}
        over = any(ends)


def paid(env: gym.Env[str, str], actions: list[str], index: int = 0) -> list[dict[str, float]]:
    env.reset(options={"task_index": index})
    return [env.step(action)[4]["reward_terms"] for action in actions]


def test_information_is_what_the_answers_tell() -> None:
    env = PotentialShaping(mastermind(), "mastermind_information")
    rows = paid(env, ["11", "12", "16"])  # the code is 16, one of 36
    # "11", one placed: the ten codes with exactly one 1. "12", one placed and none elsewhere: 13, 14, 15, 16.
    assert [row["potential"] for row in rows] == pytest.approx([math.log2(3.6), math.log2(2.5), 2.0])
    assert sum(row["potential"] for row in rows) == pytest.approx(math.log2(36))
    again = paid(env, ["11", "11"])
    assert again[1]["potential"] == 0.0  # asking twice gains nothing


def test_shaping_is_the_same_for_a_whole_group_whatever_was_done() -> None:
    env = PotentialShaping(mastermind(), "mastermind_information")
    rows = []
    for actions in (["16"], ["11", "16"], ["1", "x", "33", "44"], ["12", "16"]):
        terms = paid(env, actions)
        rows.append({"potential": sum(row["potential"] for row in terms), "outcome": terms[-1]["outcome"]})
    assert idle_terms(rows, ["a"] * 4) == ("potential",)


def test_the_distance_falls_towards_the_goal_and_a_circle_is_free() -> None:
    env = PotentialShaping(corridor(), "goal_distance")
    env.reset(options={"task_index": 0})
    inside = env.unwrapped
    task = inside.task  # type: ignore[attr-defined]
    start = goal_distance(inside)  # type: ignore[arg-type]
    assert start < 0
    total, over = 0.0, False
    for action in inside.expert(task):  # type: ignore[attr-defined]
        _, _, terminated, truncated, info = env.step(action)
        total += info["reward_terms"]["potential"]
        assert info["reward_terms"]["potential"] == 1.0  # one step nearer, and from distance 1 to the end
        over = terminated or truncated
    assert over
    assert total == -start


def test_a_truncated_episode_ends_or_keeps_its_potential() -> None:
    for truncation, last in (("terminal", math.log2(36)), ("bootstrap", 0.0)):
        env = PotentialShaping(TurnLimit(mastermind(), max_turns=1), "mastermind_information", truncation=truncation)
        [row] = paid(env, ["not a guess"])  # which tells nothing: 36 codes are left
        assert row["potential"] == pytest.approx(last)


def test_potentials_are_evaluated_once_at_the_visit(monkeypatch: pytest.MonkeyPatch) -> None:
    visits: list[int] = []

    def clock(env: Any) -> float:
        visits.append(len(visits))
        return float(len(visits))

    monkeypatch.setitem(POTENTIALS, "clock", clock)
    rows = paid(PotentialShaping(mastermind(), "clock"), ["11", "12", "16"])
    assert [row["potential"] for row in rows] == [1.0, 1.0, -3.0]  # 2 - 1, 3 - 2, and 0 - 3 at the end
    assert visits == [0, 1, 2]


def test_what_a_potential_is_not_for_is_refused() -> None:
    with pytest.raises(ConfigError, match="Mastermind"):
        PotentialShaping(corridor(), "mastermind_information").reset(seed=0)
    with pytest.raises(ConfigError, match="places"):
        PotentialShaping(mastermind(), "goal_distance").reset(seed=0)
    with pytest.raises(ConfigError, match="20000"):
        PotentialShaping(mastermind(length=9), "mastermind_information").reset(seed=0)
    with pytest.raises(UnknownNameError, match="goal_distance"):
        PotentialShaping(mastermind(), "goal_distanc")
    with pytest.raises(ConfigError, match="truncation"):
        PotentialShaping(mastermind(), "goal_distance", truncation="end")


def test_what_is_new_is_paid_once_and_up_to_the_cap() -> None:
    rows = paid(NoveltyBonus(mastermind(), weight=0.25, cap=0.5), ["11", "11", "22", "33"])
    # The third would be the third new one; the last turn is a wrong verdict, and the cap is reached.
    assert [row["novelty"] for row in rows] == [0.25, 0.0, 0.25, 0.0]


def test_a_pass_earns_no_bonus_and_random_play_less_than_a_solver() -> None:
    env = NoveltyBonus(mastermind(), of="words", weight=0.25, cap=0.5)
    solved = paid(env, ["16"])
    assert solved == [{"outcome": 1.0, "novelty": 0.0}]
    noise = paid(env, ["q", "w", "e", "r"])
    assert sum(sum(row.values()) for row in noise) == 0.5 < 1.0


def test_only_a_trainer_changes_the_memory_and_from_the_next_reset_on() -> None:
    env = NoveltyBonus(mastermind(), weight=0.1)
    first = [env.reset(seed=3), env.step("11"), env.reset(seed=3), env.step("11")]
    assert first[:2] == first[2:]  # playing teaches nothing: the same seed gives the same reward
    key = NOVELTY_KEYS["anchor"]("11", first[1][4])
    known = CountMemory().learn([key] * 3)
    env.reset(seed=3)
    told = env.set_memory(known.to_dict())
    assert env.step("11")[4]["reward_terms"]["novelty"] == 0.1
    env.reset(seed=3)
    assert env.step("11")[4]["reward_terms"]["novelty"] == 0.05  # 0.1 / sqrt(1 + 3)
    assert env.get_state()["memory"] == told


def test_an_episode_goes_on_only_under_its_own_memory() -> None:
    env, other = NoveltyBonus(mastermind()), NoveltyBonus(mastermind(), memory={"kind": "counts", "seed": 1})
    env.reset(seed=0)
    env.step("11")
    saved = Snapshot.from_dict(snapshot(env).to_dict())
    with pytest.raises(SnapshotError, match="another memory"):
        restore(other, saved)
    [branch] = fork(env)
    again = NoveltyBonus(mastermind())
    restore(again, saved)
    assert env.step("11") == branch.step("11") == again.step("11")
    assert env.get_state() == again.get_state()


def test_long_episodes_are_charged_at_the_end_judged_or_not() -> None:
    env = OverlongPenalty(TurnLimit(mastermind(), max_turns=2), limit=8, cache=4, weight=0.5)
    env.reset(options={"task_index": 0})
    assert env.step("long")[4]["reward_terms"] == {}
    *_, truncated, info = env.step("er")  # 6 characters: (6 - 4) / 4 of the whole punishment
    assert (truncated, info["reward_terms"], info["response_tokens"]) == (True, {"overlong": -0.25}, 2)
    assert paid(env, ["16"]) == [{"outcome": 1.0, "overlong": 0.0}]


def test_an_ungradable_end_is_not_shaped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(POTENTIALS, "one", lambda env: 1.0)
    broken = TextEnv(ListTaskSet([Task.create("1 + 1?", {"reference": "two"})]), make_verifier("number@1"))
    env = NoveltyBonus(OverlongPenalty(PotentialShaping(broken, "one"), limit=2, cache=0), of="words")
    env.reset(seed=0)
    _, reward, terminated, truncated, info = env.step("#### 2")
    assert (reward, terminated, truncated) == (0.0, False, True)
    assert (info["stop_reason"], info["reward_terms"]) == ("ungradable", {})


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda env: OverlongPenalty(env, limit=5, cache=6), ConfigError),
        (lambda env: OverlongPenalty(env, limit=5, cache=1, tokenizer="syllables"), UnknownNameError),
        (lambda env: NoveltyBonus(env, of="word"), UnknownNameError),
        (lambda env: NoveltyBonus(env, cap=2.0), ConfigError),
        (lambda env: NoveltyBonus(env, memory={"kind": "list"}), ConfigError),
    ],
)
def test_settings_are_refused(make: Callable[[gym.Env[str, str]], Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        make(mastermind())


@pytest.mark.parametrize("name", STACKS)
def test_a_stack_is_built_again_from_its_spec_and_can_be_pickled(name: str) -> None:
    env = STACKS[name]()
    assert env.spec is not None
    for again in (
        gym.make(gym.envs.registration.EnvSpec.from_json(env.spec.to_json())),
        pickle.loads(pickle.dumps(env)),
    ):
        for each in (env, again):
            each.reset(seed=1)
        assert env.step("1") == again.step("1")
