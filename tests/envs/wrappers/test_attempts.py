"""`UnaryFeedback`: what attempts are worth, where they begin, what a state is. Vectors after arXiv 2507.14295."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import pytest
from rlvr_gym.envs import EpisodeOverError, ListTaskSet, SnapshotError, Task, TextEnv, Transition, fork, snapshot
from rlvr_gym.envs.wrappers import Feedback, FormatGate, UnaryFeedback
from rlvr_gym.verifiers import ConfigError, Verifier, make_verifier

TRY_AGAIN = "Your answer is incorrect. Try again."


class Sevens(TextEnv):
    """The answer is 7. The word `break` cannot be judged, and every response costs a tenth where `cost` is set."""

    def __init__(
        self, verifier: Verifier | None = None, reference: Any = 7, cost: bool = False, **settings: Any
    ) -> None:
        tasks = [Task.create(f"Seven, please ({i}).", {"reference": reference}) for i in range(3)]
        super().__init__(ListTaskSet(tasks), verifier or make_verifier("number@1"), **settings)
        self.cost = cost

    def get_state(self) -> Any:
        return None

    def transition(self, action: str) -> Transition:
        reference = None if action == "break" else self.task.reference
        verdict = self.verifier.verify(action, reference, context={"prompt": self.task.prompt})
        return Transition(verdict=verdict, reward_terms={"cost": -0.125} if self.cost else {})


def played(env: gym.Env[str, str], answers: Sequence[str], index: int = 0) -> list[Any]:
    env.reset(options={"task_index": index})
    return [env.step(f"#### {answer}" if answer != "break" else answer) for answer in answers]


@pytest.mark.parametrize(("wrong", "reward"), [(0, 1.0), (1, 0.5), (2, 0.25), (3, 0.125), (4, 0.0625)])
def test_success_at_turn_t_is_worth_half_to_the_t(wrong: int, reward: float) -> None:
    env = UnaryFeedback(Sevens(), turns=5, decay=0.5, repetition_penalty=0.5)
    steps = played(env, [*map(str, range(wrong)), "7"])
    assert [step[1] for step in steps] == [0.0] * wrong + [reward]
    assert [step[2] for step in steps] == [False] * wrong + [True]
    assert steps[-1][4]["reward_terms"] == {"outcome": reward, "repetition": 0.0}
    assert (steps[-1][4]["passed"], steps[-1][4]["attempt"], steps[-1][4]["stop_reason"]) == (
        True,
        wrong + 1,
        "answered",
    )


@pytest.mark.parametrize(
    ("answers", "penalty"),
    [
        ("1 2 1 2", 0.25),  # E = 2, T = 4: 0.5 * (1 - 2/4)
        ("1 1 1 1", 0.375),  # E = 1, T = 4
        ("1 2 3 4", 0.0),
        ("0.5 1/2 .50 5", 0.25),  # three ways to write one number, and another one
        ("none nil 1 2", 0.25),  # what is no number is no answer, and one of T all the same: E = 2, T = 4
    ],
)
def test_repetitions_are_charged_once_at_the_end(answers: str, penalty: float) -> None:
    env = UnaryFeedback(Sevens(), turns=4, repetition_penalty=0.5)
    steps = played(env, answers.split())
    assert [step[1] for step in steps] == [0.0, 0.0, 0.0, -penalty]
    assert steps[-1][4]["reward_terms"] == {"outcome": 0.0, "repetition": -penalty}


def test_white_space_makes_no_new_answer() -> None:
    """Where an answer is no reference for the verifier, so that it cannot tell whether two are equal."""
    env = UnaryFeedback(
        Sevens(make_verifier("countdown@1"), {"numbers": [3, 5], "target": 9}), turns=4, repetition_penalty=0.5
    )
    steps = played(env, ["3+5", "3 + 5", "5+3", "3  +5"])
    assert steps[-1][1] == -0.25  # E = 2, T = 4
    assert steps[1][4]["anchor"] == steps[0][4]["anchor"] != steps[2][4]["anchor"]


def test_a_response_without_an_answer_is_an_attempt_and_a_repetition() -> None:
    """In the paper's code an empty first answer takes no turn."""
    env = UnaryFeedback(Sevens(), turns=2, repetition_penalty=0.5)
    env.reset(options={"task_index": 0})
    observation, reward, terminated, truncated, info = env.step("")
    assert (observation, reward, terminated, truncated) == (TRY_AGAIN, 0.0, False, False)
    assert (info["turn"], info["attempt"]) == (1, 1)
    assert env.step("")[1:4] == (-0.5, True, False)  # E = 0, T = 2


def test_defaults_leave_the_reward_as_it_is() -> None:
    assert [step[1] for step in played(UnaryFeedback(Sevens()), ["1", "1", "7"])] == [0.0, 0.0, 1.0]


def test_a_wrong_attempt_is_told_one_sentence_and_nothing_else() -> None:
    env = UnaryFeedback(Sevens(), turns=3, feedback="No.")
    [first, second, last] = played(env, ["1", "many", "2"])
    for turn, (observation, _, terminated, truncated, info) in enumerate((first, second), start=1):
        assert (observation, terminated, truncated) == ("No.", False, False)
        assert set(info) == {"task_id", "turn", "anchor", "messages", "reward_terms", "attempt"}
        assert info["messages"][1] == {"role": "user", "content": "No."}
        assert info["turn"] == turn
    assert (last[0], last[2], last[4]["passed"], last[4]["verdict"]["extracted"]) == ("", True, False, "2")
    with pytest.raises(EpisodeOverError, match="call reset"):
        env.step("#### 7")


@pytest.mark.parametrize("at", [0, 2])
def test_what_cannot_be_judged_truncates_at_any_attempt_and_costs_nothing(at: int) -> None:
    env = UnaryFeedback(Sevens(), turns=4, repetition_penalty=0.5)
    *_, (_, reward, terminated, truncated, info) = played(env, ["1"] * at + ["break"])
    assert (reward, terminated, truncated, info["stop_reason"]) == (0.0, False, True, "ungradable")
    assert "passed" not in info
    assert info["reward_terms"] == {}


def test_partial_credit_cannot_be_collected_attempt_by_attempt() -> None:
    """Each of these expressions uses the numbers and misses the target: two thirds, by the dense reward."""
    reference = {"numbers": [3, 5, 7], "target": 22}
    env = UnaryFeedback(Sevens(make_verifier("countdown@1"), reference, reward="dense"), turns=3)
    rewards = [step[1] for step in played(env, ["3+5+7", "3-5+7", "5*7+3"])]
    assert rewards == [0.0, 0.0, pytest.approx(2 / 3)]


def test_what_a_wrong_attempt_costs_is_charged() -> None:
    env = UnaryFeedback(Sevens(cost=True), turns=3, decay=0.5)
    steps = played(env, ["1", "2", "7"])
    assert [step[1] for step in steps] == [-0.125, -0.0625, (1 - 0.125) / 4]
    assert steps[0][4]["reward_terms"] == {"cost": -0.125, "outcome": 0.0}


def test_a_bonus_for_the_format_is_paid_once_however_many_attempts() -> None:
    env = UnaryFeedback(FormatGate(Sevens(), mode="bonus", weight=0.25, pass_on="tagged"), turns=3)
    env.reset(seed=0)
    steps = [env.step(f"<think>?</think><answer>{answer}</answer>") for answer in (1, 2, 3)]
    assert [step[1] for step in steps] == [0.0, 0.0, 0.25]


def test_an_end_that_is_truncated_too_is_the_end() -> None:
    """Gymnasium's TimeLimit sets both flags at once; there is no step left for another attempt."""
    env = UnaryFeedback(gym.wrappers.TimeLimit(Sevens(), 1))
    [(_, _, terminated, truncated, info)] = played(env, ["1"])
    assert (terminated, truncated, info["passed"]) == (True, True, False)


# --- What a state is -----------------------------------------------------------------------------------------------


def anchor(answers: str, index: int = 0) -> str:
    info: dict[str, Any] = played(UnaryFeedback(Sevens(), turns=9), answers.split(), index)[-1][4]
    return str(info["anchor"])


def test_the_anchor_is_what_is_known_to_be_wrong_whatever_the_order() -> None:
    assert anchor("1 2") == anchor("2 1") == anchor("2 1 1 2")
    assert len({anchor("1"), anchor("2"), anchor("1 2"), anchor("1 2 3"), anchor("1 2", index=1)}) == 5


def test_the_anchor_before_the_first_wrong_answer_is_that_of_the_environment_inside() -> None:
    env = UnaryFeedback(Sevens())
    assert env.reset(seed=0)[1]["anchor"] == env.unwrapped.reset(seed=0)[1]["anchor"]


# --- Where an attempt begins ---------------------------------------------------------------------------------------


def test_an_environment_of_several_turns_begins_anew_with_each_attempt() -> None:
    env = UnaryFeedback(gym.make("rlvr_gym:rlvr/Mastermind-v0", style="compact", length=3, max_turns=2), turns=2)
    env.reset(options={"task_index": 0})  # the code is 162
    steps = [env.step(guess) for guess in ("216", "132", "216", "162")]
    assert [step[0] for step in steps] == ["0,3:", TRY_AGAIN, "0,3:", ""]
    assert [step[4]["turn"] for step in steps] == [1, 2, 3, 4]
    assert [step[4]["attempt"] for step in steps] == [0, 1, 1, 2]
    assert steps[-1][4]["passed"]
    anchors = {step[4]["anchor"] for step in steps[:3]}
    assert len(anchors) == 3, "what one attempt taught is part of the state in the next"


def test_the_transcript_shows_all_attempts() -> None:
    env = UnaryFeedback(Sevens(render_mode="ansi"))
    played(env, ["1", "7"])
    assert env.render() == f"[user] Seven, please (0).\n[assistant] #### 1\n[user] {TRY_AGAIN}\n[assistant] #### 7"
    assert UnaryFeedback(Sevens()).render() is None


def test_branches_go_on_with_their_own_attempts() -> None:
    env = UnaryFeedback(Sevens(), turns=3, repetition_penalty=0.5)
    played(env, ["1"])
    [branch] = fork(env)
    env.step("#### 2")
    assert env.step("#### 3")[1] == 0.0
    branch.step("#### 1")
    assert branch.step("#### 1")[1] == pytest.approx(-1 / 3)  # E = 1, T = 3


def test_infos_that_a_caller_changes_do_not_change_the_episode() -> None:
    env = UnaryFeedback(Sevens())
    [step] = played(env, ["1"])
    before = snapshot(env).to_dict()
    step[4]["messages"][0]["content"] = "spoilt"
    step[4]["messages"].clear()
    assert snapshot(env).to_dict() == before


def test_feedback_has_the_same_attempts() -> None:
    settings: dict[str, Any] = {"turns": 4, "decay": 0.5, "repetition_penalty": 0.5}
    unary, richer = UnaryFeedback(Sevens(), **settings), Feedback(Sevens(), **settings)
    for answers in ("1 1 2 7", "1 1 2 2", "none 7"):
        for one, other in zip(played(unary, answers.split()), played(richer, answers.split()), strict=True):
            assert one[1:4] == other[1:4]
            for name in ("turn", "anchor", "attempt", "reward_terms"):
                assert one[4][name] == other[4][name]


# --- What is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "setting",
    [{"turns": 0}, {"turns": True}, {"decay": 1.5}, {"decay": "half"}, {"repetition_penalty": -1}, {"feedback": ""}],
)
def test_bad_settings_are_refused(setting: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(setting))):
        UnaryFeedback(Sevens(), **setting)


def test_an_environment_without_a_way_back_is_refused_at_once() -> None:
    with pytest.raises(SnapshotError, match="innermost is a CartPoleEnv"):
        UnaryFeedback(gym.make("CartPole-v1"))


def test_no_step_before_the_first_reset() -> None:
    with pytest.raises(EpisodeOverError, match="call reset"):
        UnaryFeedback(Sevens()).step("#### 7")
    env = UnaryFeedback(Sevens())
    env.reset()
    with pytest.raises(TypeError, match="an action is a str"):
        env.step(7)  # type: ignore[arg-type]
