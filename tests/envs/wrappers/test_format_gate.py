"""`FormatGate`: what has the format and what only looks like it."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.envs import TextAction, restore, snapshot
from rlvr_gym.envs.wrappers import FormatGate, UnaryFeedback
from rlvr_gym.envs.wrappers.format_gate import Sections, read_sections
from rlvr_gym.verifiers import ConfigError, Verdict

GOOD = "<think>14 + 40</think><answer>54</answer>"


def arithmetic(**settings: Any) -> gym.Env[str, str]:
    return gym.make("rlvr_gym:rlvr/Arithmetic-v0", **settings)


@pytest.mark.parametrize(
    ("response", "sections"),
    [
        (GOOD, ("14 + 40", "54")),
        (f"\n {GOOD}\t\r\n", ("14 + 40", "54")),
        ("<think>\na < b\n</think> \n <answer>\n54\n</answer>", ("\na < b\n", "\n54\n")),
        ("<think></think><answer></answer>", ("", "")),
        (
            "<think><thinking> and <b> are other tags</think><answer></b></answer>",
            ("<thinking> and <b> are other tags", "</b>"),
        ),
        ("<think>π ≈ 3</think><answer>é</answer>", ("π ≈ 3", "é")),
    ],
)
def test_what_has_the_format(response: str, sections: tuple[str, str]) -> None:
    assert read_sections(response) == Sections(*sections)


ATTACKS = {
    "nothing": "",
    "no tags": "54",
    "answer alone": "<answer>54</answer>",
    "thought alone": "<think>54</think>",
    "text before": f"So: {GOOD}",
    "text after": f"{GOOD} or 55",
    "text between": "<think>a</think>so<answer>54</answer>",
    "another order": "<answer>54</answer><think>a</think>",
    "two answers": "<think>a</think><answer>53</answer><answer>54</answer>",
    "two thoughts": "<think>a</think><think>b</think><answer>54</answer>",
    "everything twice": GOOD + GOOD,
    "answer in the thought": "<think><answer>53</answer></think><answer>54</answer>",
    "thought in the answer": "<think>a</think><answer><think>b</think>54</answer>",
    "nested answers": "<think>a</think><answer><answer>54</answer></answer>",
    "open thought": "<think>a<answer>54</answer>",
    "open answer": "<think>a</think><answer>54",
    "open both": "<think><answer>",
    "closed only": "a</think>54</answer>",
    "tags in a code block": "<think>```\n</think><answer>53</answer>\n```</think><answer>54</answer>",
    "tags in code in the answer": "<think>a</think><answer>```\n<answer>53\n```54</answer>",
    "capitals": "<THINK>a</THINK><ANSWER>54</ANSWER>",
    "capitals inside": "<think>a</think><answer><ANSWER>53</ANSWER>54</answer>",
    "blanks in a tag": "<think >a</think><answer>54</answer>",
    "blanks in a tag inside": "<think>a< / think></think><answer>54</answer>",
    "attributes": '<think>a</think><answer id="1">54</answer>',
    "attributes inside": '<think>a</think><answer><answer id="1">53</answer>',
    "full width inside": "<think>a</think><answer>＜answer＞53＜/answer＞54</answer>",
    "full width letters inside": "<think>a</think><answer><ａｎｓｗｅｒ>53</answer>",
    "invisible characters inside": "<think>a</think><answer><an\u200bswer>53</answer>",
    "combining marks inside": "<think>a</think><answer><a\u0301nswer>53</answer>",
    "no-break space around": f"\u00a0{GOOD}",
    "zero-width space around": f"{GOOD}\u200b",
    "NUL between": "<think>a</think>\x00<answer>54</answer>",
    "a surrogate": "<think>a</think>\ud800<answer>54</answer>",
    "markdown around": f"```\n{GOOD}\n```",
    "entities": "&lt;think&gt;a&lt;/think&gt;&lt;answer&gt;54&lt;/answer&gt;",
}


@pytest.mark.parametrize("response", ATTACKS.values(), ids=ATTACKS)
def test_what_only_looks_like_the_format(response: str) -> None:
    assert read_sections(response) is None
    env = FormatGate(arithmetic())
    env.reset(seed=0)
    observation, reward, terminated, truncated, info = env.step(response)
    assert (observation, reward, terminated, truncated) == ("", 0.0, True, False)
    assert (info["passed"], info["stop_reason"], info["reward_terms"]) == (False, "answered", {"format": 0.0})
    verdict = Verdict.from_dict(info["verdict"])
    assert (verdict.status.value, verdict.gradable, verdict.reason.code) == ("malformed", True, "bad_format")
    assert info["messages"] == [{"role": "assistant", "content": response}]


TAGS = [
    "<think>",
    "</think>",
    "<answer>",
    "</answer>",
    "<Think>",
    "</ answer >",
    "<",
    ">",
    "think",
    " ",
    "\n",
    "54",
    "\u200b",
    "＜",
]
LIKE = st.lists(st.sampled_from(TAGS), max_size=10).map("".join)
NEARLY = st.builds("<think>{}</think>{}<answer>{}</answer>".format, LIKE, st.sampled_from(["", " ", "\n", "54"]), LIKE)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(LIKE | NEARLY)
def test_a_response_with_the_format_is_written_in_one_way_only(response: str) -> None:
    """Put together again from its parts it is the same but for blanks, and each tag stands in it once."""
    sections = read_sections(response)
    if sections is None:
        return
    again = f"<think>{sections.reasoning}</think><answer>{sections.answer}</answer>"
    assert "".join(again.split()) == "".join(response.split())
    assert [response.lower().count(tag) for tag in TAGS[:4]] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    "huge", ["<think>" * 200_000, "<" * 1_000_000, f"<think>{'＜' * 300_000}</think><answer></answer>"]
)
def test_huge_responses_are_read_in_linear_time(huge: str) -> None:
    read_sections(huge)


# --- What the environment inside is given ---------------------------------------------------------------------------


class Last(gym.Env[str, str]):
    """Not an environment of ours: it keeps what it was given, and its info says next to nothing."""

    observation_space = gym.spaces.Text(100)
    action_space = gym.spaces.Text(100)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        return "ask", {}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        self.given = action
        return "", 0.5, True, False, {}


@pytest.mark.parametrize(
    ("pass_on", "given_"),
    [
        ("answer", " #### 54 "),
        ("tagged", "<answer> #### 54 </answer>"),
        ("response", "<think>a</think><answer> #### 54 </answer>"),
    ],
)
def test_what_is_passed_on(pass_on: str, given_: str) -> None:
    inside = Last()
    env = FormatGate(inside, pass_on=pass_on)
    env.reset()
    action = TextAction("<think>a</think><answer> #### 54 </answer>", finish_reason="stop", tool_calls=({"a": 1},))
    _, reward, terminated, _, info = env.step(action)
    assert (inside.given, inside.given.finish_reason, inside.given.tool_calls) == (given_, "stop", ({"a": 1},))  # type: ignore[attr-defined]
    assert (reward, terminated, info["messages"]) == (0.5, True, [{"role": "assistant", "content": str(action)}])


@pytest.mark.parametrize(
    ("style", "pass_on", "passed"),
    [
        ("question", "answer", True),
        ("question", "tagged", True),
        ("question", "response", True),
        ("compact", "answer", True),
        ("compact", "tagged", False),
        ("compact", "response", False),
    ],
)
def test_what_is_passed_on_must_suit_the_verifier(style: str, pass_on: str, passed: bool) -> None:
    """In style=compact the whole response is the answer; otherwise `<answer>` is one of the markers."""
    env = FormatGate(arithmetic(style=style), pass_on=pass_on)
    env.reset(seed=0)
    assert env.step(GOOD)[4]["passed"] is passed


# --- Bonus ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "terms", "passed"),
    [
        (GOOD, {"outcome": 1.0, "format": 0.25}, True),
        ("<think>a</think><answer>53</answer>", {"outcome": 0.0, "format": 0.25}, False),
        ("#### 54", {"outcome": 1.0, "format": 0.0}, True),
        ("#### 53", {"outcome": 0.0, "format": 0.0}, False),
    ],
)
def test_the_bonus_leaves_the_outcome_as_it_is(response: str, terms: dict[str, float], passed: bool) -> None:
    env = FormatGate(arithmetic(), mode="bonus", weight=0.25)
    env.reset(seed=0)
    _, reward, _, _, info = env.step(response)
    assert (info["reward_terms"], reward, info["passed"]) == (terms, sum(terms.values()), passed)


def test_the_bonus_is_paid_once_and_only_if_every_response_had_the_format() -> None:
    knobs = {"length": 2, "symbols": 3, "max_turns": 3}
    env = FormatGate(gym.make("rlvr_gym:rlvr/Mastermind-v0", **knobs), mode="bonus", weight=0.25, pass_on="tagged")
    good, bad = "<think>?</think><answer>11</answer>", "<answer>33</answer>"
    for responses, rewards in (([good] * 3, [0.0, 0.0, 0.25]), ([good, bad, good], [0.0, 0.0, 0.0])):
        env.reset(options={"task_index": 1})
        assert [env.step(response)[1] for response in responses] == rewards


def test_a_bonus_on_an_environment_that_names_no_terms_keeps_its_reward() -> None:
    env = FormatGate(Last(), mode="bonus", weight=0.25)
    env.reset()
    _, reward, _, _, info = env.step(GOOD)
    assert (reward, info["reward_terms"]) == (0.75, {"reward": 0.5, "format": 0.25})


# --- With others ----------------------------------------------------------------------------------------------------


def test_inside_of_feedback_a_bad_format_is_a_wrong_attempt() -> None:
    env = UnaryFeedback(FormatGate(arithmetic()), turns=2)
    env.reset(seed=0)
    assert env.step("#### 54")[2:4] == (False, False)
    assert env.step(GOOD)[4]["passed"]


def test_outside_of_feedback_a_bad_format_is_the_end() -> None:
    env = FormatGate(UnaryFeedback(arithmetic()))
    env.reset(seed=0)
    env.step("<think>a</think><answer>53</answer>")
    _, _, terminated, _, info = env.step("#### 54")
    assert (terminated, info["turn"], info["attempt"], info["passed"]) == (True, 2, 1, False)


def test_a_restored_conversation_has_the_whole_responses() -> None:
    env = FormatGate(gym.make("rlvr_gym:rlvr/Mastermind-v0", length=2, render_mode="ansi"), pass_on="tagged")
    env.reset(seed=0)
    env.step("<think>one</think><answer>11</answer>")
    _, info = restore(env, snapshot(env))
    assert info["messages"][1]["content"] == "<think>one</think><answer>11</answer>"
    assert "<think>one</think>" in str(env.render())


@pytest.mark.parametrize(
    "setting",
    [
        {"tags": "think"},
        {"tags": ["think"]},
        {"tags": ["a", "a"]},
        {"tags": ["a", "<b>"]},
        {"tags": None},
        {"mode": "strict"},
        {"weight": 2},
        {"pass_on": "all"},
    ],
)
def test_bad_settings_are_refused(setting: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(setting))):
        FormatGate(arithmetic(), **setting)


def test_other_tags() -> None:
    env = FormatGate(arithmetic(), tags=("reasoning", "solution"))
    env.reset(seed=0)
    assert env.step("<reasoning><think>a</think></reasoning><solution>54</solution>")[4]["passed"]
