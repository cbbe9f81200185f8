"""Every door to a reward tells it the same and pays the same, and refuses what it cannot tell."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import gymnasium as gym
import pytest
from rlvr_gym.agents import Completion, Episode
from rlvr_gym.agents.late_rewards import LateRewards
from rlvr_gym.agents.play import Play, Playing
from rlvr_gym.agents.strategies import Sample
from rlvr_gym.envs import ListTaskSet, Task, TextEnv, fork, restore, snapshot
from rlvr_gym.envs.wrappers import FormatGate, TokenLimit, UnaryFeedback
from rlvr_gym.envs.wrappers.hint import Hint
from rlvr_gym.envs.wrappers.novelty import NoveltyBonus
from rlvr_gym.envs.wrappers.overlong import OverlongPenalty
from rlvr_gym.envs.wrappers.potential import PotentialShaping
from rlvr_gym.envs.wrappers.scheduled import ScheduledReward
from rlvr_gym.verifiers import ConfigError, make_verifier

Env = gym.Env[str, str]
HALF = {"version": 1, "stage": "half", "values": {"mix": 0.5}}
SCHEDULE = {"stages": [{"name": "half", "values": {"mix": 0.5}}]}
WRONG, OTHER, RIGHT = "3 + 4", "4 - 3", "3 * 4"
SCORE = make_verifier("countdown@1").verify(WRONG, {"numbers": [3, 4], "target": 12}).score
TASK = Task.create("Make 12 of 3 and 4.", {"reference": {"numbers": [3, 4], "target": 12}})
REPEATS = {"sum": {"of": ["outcome", "repeats"]}}


def countdown(**settings: Any) -> Env:
    return TextEnv(ListTaskSet([TASK]), make_verifier("countdown@1"), **settings)


def tagged(answer: str) -> str:
    return f"<think>so</think><answer>{answer}</answer>"


def played(env: Env, answers: Sequence[str]) -> Episode:
    """The episode that these answers make: the last one is repeated until it is over."""
    playing = Playing(Play(options={"task_index": 0}), env)
    playing.begin()
    for answer in [*answers, *answers[-1:] * 4]:
        if playing.done is None:
            playing.advance(Completion(answer, (1,), (-0.1,)))
    assert playing.done is not None
    assert playing.done.stop_reason != "error", playing.done.error
    return playing.done


def rewards(episode: Episode) -> list[float]:
    return [turn.reward for turn in episode.turns]


def tools(reward: Any = "outcome") -> Env:
    return gym.make("rlvr_gym:rlvr/ToolMath-v0", reward=reward)


def expert(env: Env) -> list[str]:
    env.reset(options={"task_index": 0})
    inside = env.unwrapped
    assert isinstance(inside, TextEnv)
    return inside.expert(inside.task)


Paid = Callable[[Env], Env]
STACKS: dict[str, Callable[[Paid], Env]] = {
    "plain": lambda paid: paid(countdown()),
    "unary": lambda paid: UnaryFeedback(paid(countdown()), turns=4, decay=0.5, repetition_penalty=0.5),
    "around unary": lambda paid: paid(UnaryFeedback(countdown(), turns=4, decay=0.5, repetition_penalty=0.5)),
    "tags": lambda paid: FormatGate(paid(countdown())),
    "tags in attempts": lambda paid: UnaryFeedback(FormatGate(paid(countdown())), turns=3),
    "bonus": lambda paid: FormatGate(paid(countdown()), mode="bonus", weight=0.25),
    "overlong": lambda paid: OverlongPenalty(paid(countdown()), limit=6, cache=4),
    "novelty": lambda paid: NoveltyBonus(UnaryFeedback(paid(countdown()), turns=3), of="answer", weight=0.125),
}
ANSWERS = ([RIGHT], [WRONG] * 4, [WRONG, OTHER, RIGHT], ["no idea", WRONG, tagged(RIGHT)], [tagged(WRONG)] * 4)
SPECS: tuple[Any, ...] = (
    "dense",
    "anneal",
    {"signed": {"of": "dense"}},
    {"sum": {"of": ["outcome", "format", "repeats"], "weights": [2, 0.5, 1]}},
    {"sum": {"of": ["format", "turn_decay"]}},
)


@pytest.mark.parametrize("name", STACKS)
def test_both_doors_of_a_schedule_pay_the_same(name: str) -> None:
    """What wrappers add or multiply is kept: late binding replaces what the verdict was paid by, and nothing else."""
    for spec in SPECS:
        for answers in ANSWERS:
            moves = spec == "anneal"
            point = HALF if moves else None
            early = played(STACKS[name](partial(ScheduledReward, reward=spec, point=point)), answers)
            late = LateRewards(spec, SCHEDULE if moves else None)
            [once] = late.paid([Sample(played(STACKS[name](lambda env: env), answers), 0)])
            assert rewards(once.episode) == pytest.approx(rewards(early), abs=1e-12), (spec, answers)
            assert late.paid([once]) == [once]  # to score again changes nothing: what comes from a buffer, too


def test_what_wrappers_make_of_a_reward_stays_by_hand() -> None:
    """Three answers, the second a repetition, at half the worth each time: (2/3 T + 1/3) / 4 and 0.5 (1 - 2/3)."""
    env = UnaryFeedback(countdown(reward="dense"), turns=3, decay=0.5, repetition_penalty=0.5)
    one = Sample(played(env, [WRONG, WRONG, RIGHT]), 0)
    charge = 0.5 * (1 - 2 / 3)
    assert rewards(one.episode) == pytest.approx([0, 0, 0.25 - charge])
    for spec, worth in (("outcome", 1.0), ({"sum": {"of": ["outcome"], "weights": [8]}}, 8.0)):
        assert rewards(LateRewards(spec).paid([one])[0].episode) == pytest.approx([0, 0, worth / 4 - charge])
    lost = Sample(played(env, [WRONG, WRONG, OTHER]), 0)
    assert rewards(LateRewards("outcome").paid([lost])[0].episode) == pytest.approx([0, 0, -charge])


def test_a_response_that_a_gate_refuses_is_paid_as_what_it_is_at_both_doors() -> None:
    """Under a reward whose fails are below 0, a broken format is worth no more than a wrong answer."""
    signed = {"signed": {"of": "outcome"}}
    for env in (FormatGate(countdown(reward=signed)), FormatGate(ScheduledReward(countdown(), signed))):
        assert rewards(played(env, [WRONG])) == rewards(played(env, [tagged(WRONG)])) == [-1.0]
    [late] = LateRewards(signed).paid([Sample(played(FormatGate(countdown()), [WRONG]), 0)])
    assert rewards(late.episode) == [-1.0]


def test_steps_that_cost_something_of_their_own_still_do() -> None:
    env = PotentialShaping(gym.make("rlvr_gym:rlvr/Mastermind-v0", length=2), "mastermind_information")
    guesses = [f"<answer>{code}</answer>" for code in ("11", "12", "16")]  # the code is 16
    before = played(env, guesses)
    [after] = LateRewards({"sum": {"of": ["outcome"], "weights": [5]}}).paid([Sample(before, 0)])
    assert rewards(after.episode) == pytest.approx([*rewards(before)[:2], rewards(before)[2] + 4])


def test_an_answer_that_was_given_before_is_charged_behind_every_door() -> None:
    """E = 1 and T = 4: -0.5 (1 - 1/4). One right answer repeats nothing."""
    doors: tuple[Callable[[], Env], ...] = (
        lambda: UnaryFeedback(countdown(reward=REPEATS), turns=4),
        lambda: UnaryFeedback(ScheduledReward(countdown(), REPEATS), turns=4),
        lambda: ScheduledReward(UnaryFeedback(countdown(), turns=4), REPEATS),
    )
    for make in doors:
        assert rewards(played(make(), [RIGHT])) == [1.0]
        assert rewards(played(make(), [WRONG] * 4)) == [0.0, 0.0, 0.0, -0.375]
        assert rewards(played(make(), [WRONG, OTHER, RIGHT])) == [0.0, 0.0, 1.0]
    one = Sample(played(UnaryFeedback(countdown(), turns=4), [WRONG] * 4), 0)
    assert rewards(LateRewards(REPEATS).paid([one])[0].episode) == [0.0, 0.0, 0.0, -0.375]
    assert rewards(played(countdown(reward=REPEATS), [RIGHT])) == [1.0]


def test_an_attempt_is_a_turn_of_the_episode_behind_every_door() -> None:
    for env in (
        UnaryFeedback(countdown(reward="turn_decay"), turns=4),
        UnaryFeedback(ScheduledReward(countdown(), "turn_decay"), turns=4),
    ):
        assert rewards(played(env, [WRONG, OTHER, RIGHT])) == [0.0, 0.0, 0.25]
        assert rewards(played(env, [RIGHT])) == [1.0]
    late = LateRewards("turn_decay").paid([Sample(played(UnaryFeedback(countdown()), [WRONG, OTHER, RIGHT]), 0)])
    assert rewards(late[0].episode) == [0.0, 0.0, 0.25]


def test_what_came_before_survives_snapshots_and_forks() -> None:
    """Words are counted over the attempts: 3 + 3 + 3 before a limit of 9 are all of the punishment."""
    spec = {"sum": {"of": ["outcome", "repeats", {"overlong": {"limit": 9, "cache": 1}}]}}
    make = lambda: UnaryFeedback(ScheduledReward(TokenLimit(countdown(), tokenizer="words"), spec), turns=3)  # noqa: E731
    env = make()
    env.reset(options={"task_index": 0})
    for _ in range(2):
        env.step(WRONG)
    other = make()
    restore(other, json.loads(json.dumps(snapshot(env).to_dict())))
    for each in (env, other, *fork(env)):
        assert each.step(RIGHT)[4]["reward_terms"] == pytest.approx(
            {"outcome": 1.0, "repeats": -0.5 * (1 - 2 / 3), "overlong": -1.0}
        )


def test_a_success_with_a_hint_is_paid_by_the_same_reward() -> None:
    task = Task.create("3 + 4, doubled?", {"reference": 14, "solution": "3 + 4 = 7, and 2 * 7 = 14.\n#### 14"})
    make = lambda: Hint(TextEnv(ListTaskSet([task]), make_verifier("number@1")), fraction=0.5)  # noqa: E731
    spec = {"sum": {"of": ["outcome"], "weights": [10]}}
    hinted = played(make(), ["#### 14"])
    assert (hinted.passed, hinted.passed_with_hint, hinted.verdict) == (False, True, {})
    [late] = LateRewards(spec).paid([Sample(hinted, 0)])
    assert (late.episode.reward, late.episode.passed) == (10.0, False)
    assert rewards(played(ScheduledReward(make(), spec), ["#### 14"])) == [10.0]
    assert LateRewards(spec).paid([Sample(played(make(), ["#### 15"]), 0)])[0].episode.reward == 0.0


def test_calls_of_tools_are_told_where_there_are_tools() -> None:
    spec = {"sum": {"of": ["outcome", {"tool_cost": {"price": 0.125}}]}}
    said = expert(tools())
    calls = len(said) - 1
    assert calls > 0
    for env in (tools(spec), ScheduledReward(tools(), spec)):
        episode = played(env, said)
        assert episode.tool_stats is not None
        assert sum(row["calls"] for row in episode.tool_stats.values()) == calls
        assert episode.turns[-1].reward == 1 - 0.125 * calls
    late = LateRewards(spec)
    late.check(tools())
    assert late.paid([Sample(played(tools(), said), 0)])[0].episode.turns[-1].reward == 1 - 0.125 * calls


def test_a_gate_tells_how_many_calls_there_were() -> None:
    """One call within the tags, then a response without them: the price of the call is charged at both doors."""
    spec = {"sum": {"of": ["outcome", {"tool_cost": {"price": 0.125}}]}}
    call = expert(tools())[0]
    said = [f"<think>so</think><answer>{call}</answer>", "no tags"]
    early = played(FormatGate(ScheduledReward(tools(), spec)), said)
    [late] = LateRewards(spec).paid([Sample(played(FormatGate(tools()), said), 0)])
    assert rewards(early)[-1] == rewards(late.episode)[-1] == -0.125


def test_rare_answers_are_known_to_a_trainer() -> None:
    """Two of three say the same: 1 / sqrt(2) each, and 1 for the third."""
    samples = [Sample(played(countdown(), [answer]), 0) for answer in (WRONG, WRONG, OTHER)]
    found = [one.episode.reward for one in LateRewards("rare").paid(samples)]
    assert found == pytest.approx([2**-0.5, 2**-0.5, 1.0])


def scheduled(reward: Any, *inside: Any) -> Env:
    return ScheduledReward(inside[0] if inside else countdown(), reward)


def trained(reward: Any, env: Env | None = None) -> None:
    LateRewards(reward).check(env or countdown())


def shaped_by(term: Any) -> None:
    LateRewards(shaping={"sum": {"of": ["given", term]}}).check(countdown())


RUBRIC, SPANS = {"rubric": {"weights": {"a": 1}}}, {"spans": {"weights": {"a": 1}}}


@pytest.mark.parametrize(
    ("door", "reward", "who"),
    [
        (lambda spec: countdown(reward=spec), "length", "ScheduledReward around a wrapper that counts"),
        (lambda spec: countdown(reward=spec), {"gate": {"then": "cosine_length"}}, "rlvr train --reward"),
        (lambda spec: countdown(reward=spec), "tool_cost", "an environment with tools"),
        (lambda spec: countdown(reward=spec), "novelty", "NoveltyBonus"),
        (lambda spec: countdown(reward=spec), RUBRIC, "score responses yourself"),
        (scheduled, "length", "a wrapper that counts"),
        (scheduled, {"overlong": {"limit": None, "cache": None}}, "set the limit"),
        (scheduled, "tool_cost", "an environment with tools"),
        (scheduled, "novelty", "NoveltyBonus"),
        (scheduled, SPANS, "score responses yourself"),
        (trained, "tool_cost", "an environment with tools"),
        (trained, RUBRIC, "score responses yourself"),
        (trained, {"anneal": {"a": "outcome", "b": SPANS}}, "score responses yourself"),
        (shaped_by, "tool_cost", "the reward of a trainer there"),
        (shaped_by, "novelty", "a trainer does"),
    ],
)
def test_what_a_door_cannot_tell_is_refused_before_anything_is_played(door: Any, reward: Any, who: str) -> None:
    with pytest.raises(ConfigError, match=who):
        door(reward)


def test_what_a_door_can_tell_is_taken() -> None:
    for spec in ("repeats", "turn_decay", "repetition", "verbosity", {"length": {"unit": "words"}}):
        countdown(reward=spec)
    scheduled("cosine_length", TokenLimit(countdown()))
    for spec in ("kimi_length", "rare", "novelty", "overlong", "cot_ro"):
        trained(spec)
    trained("tool_cost", tools())
    shaped_by("top_short")


def test_a_schedule_that_nobody_reads_is_refused() -> None:
    with pytest.raises(ConfigError, match="moves 'mix', and the reward reads no value"):
        LateRewards("outcome", "delta_two_stage")
    with pytest.raises(ConfigError, match="reads 'mxi' of the schedule, which moves 'mix'"):
        LateRewards({"anneal": {"key": "mxi"}}, "delta_two_stage")
    mixed = {"anneal": {"a": "given", "b": {"signed": {"of": "given"}}}}
    assert LateRewards("outcome", "delta_two_stage", shaping=mixed).point.values == {"mix": 0.0}
    for read in (
        lambda: ScheduledReward(countdown(), "outcome", HALF),
        lambda: scheduled("dense").reset(options=OPTION),
    ):
        with pytest.raises(ConfigError, match="reads no value of a schedule"):
            read()
    env = scheduled("dense")
    with pytest.raises(ConfigError, match="reads no value of a schedule"):
        env.set_schedule_point(HALF)  # type: ignore[attr-defined]
    assert env.set_schedule_point({**HALF, "values": {}}) == 1  # type: ignore[attr-defined]


OPTION = {"reward_schedule": HALF}


def test_what_two_call_by_one_name_is_added_up_and_not_overwritten() -> None:
    env = FormatGate(countdown(reward={"sum": {"of": ["outcome", "format"]}}), mode="bonus", weight=0.25)
    env.reset(seed=0)
    _, reward, _, _, info = env.step(tagged(RIGHT))
    assert (reward, info["reward_terms"]) == (2.25, {"outcome": 1.0, "format": 1.0, "wrapper/format": 0.25})
