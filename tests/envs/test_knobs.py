"""The keywords of an environment and what its docstrings say of them."""

from __future__ import annotations

import inspect
import sys
import types
from typing import Any

import pytest
from rlvr_gym.envs.knobs import Knob, entry_point, keywords, knobs, lineage

from rlvr_gym import env_ids
from rlvr_gym.registration import ENTRY_POINTS


def meaning(env_id: str, name: str) -> str:
    return next(knob.meaning for knob in knobs(env_id) if knob.name == name)


@pytest.mark.parametrize(
    ("env_id", "name", "words"),
    [
        ("rlvr/Arithmetic-v0", "operands", "How many numbers, 2 to 100."),
        ("rlvr/Arithmetic-v0", "split", '`"train"`, `"test"` or `"all"`.'),  # "See `ProceduralTaskSet`."
        (
            "rlvr/Arithmetic-v0",
            "reward",
            "A spec (see `rlvr_gym.reward_shaping.make_reward`). It is not told tokens: they are not counted here.",
        ),  # "See `TextEnv`."
        # a text of its own behind "See `ProceduralTaskSet`;"
        (
            "rlvr/Countdown-v0",
            "style",
            'How problems are written out: `"question"` for language models, `"compact"` for small models that speak '
            "characters. Compact problems look like `3,5,7:22=`.",
        ),
        ("rlvr/HumanEval-v0", "limit", "At most so many rows."),  # of the base, by `**settings`
        ("rlvr/HumanEval-v0", "path", "`HumanEval.jsonl`."),  # the class's own before the base's
        (
            "rlvr/ListFunctions-v0",
            "shown",
            "Examples in the prompt, 0 to 20; the first is the answer for the empty list.",
        ),
        ("rlvr/CodeRepair-v0", "max_turns", "Attempts."),
    ],
)
def test_what_a_knob_means(env_id: str, name: str, words: str) -> None:
    assert meaning(env_id, name) == words


def test_an_argument_over_several_lines_is_one_line() -> None:
    assert meaning("rlvr/MBPP-v0", "shown_tests") == (
        "How many tests the prompt shows. The prompt of the paper shows 3, which mostly are all: a table of the shown "
        "answers passes then."
    )


@pytest.mark.parametrize("env_id", env_ids())
def test_knobs_are_the_keywords(env_id: str) -> None:
    parameters = keywords(env_id)
    assert [(knob.name, knob.default) for knob in knobs(env_id)] == [
        (name, parameter.default) for name, parameter in parameters.items()
    ]


def test_what_an_environment_passes_on() -> None:
    assert list(keywords("rlvr/HumanEval-v0")) == [
        "path", "hub", "hub_name", "hub_split", "hub_revision", "limit", "sandbox", "verifier_config", "reward",
        "render_mode",
    ]  # fmt: skip
    assert list(keywords("rlvr/Arithmetic-v0")) == [
        "digits", "operands", "operators", "style", "split", "size", "level", "reward", "render_mode", "taskset_seed",
    ]  # fmt: skip


class Base:
    """Takes one more.

    Args:
        loud: With an exclamation mark.
    """

    def __init__(self, *, loud: bool = False) -> None: ...


def made(words: str, *, twice: int = 2, **rest: Any) -> Base:
    """A function as an entry point.

    Args:
        words: What is said.
        twice: How often.
        **rest: Those of `Base`.
    """
    return Base(**rest)


def test_a_function_takes_its_own_and_what_it_passes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    place = types.ModuleType("knobs_for_tests")
    place.made = made  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, place.__name__, place)
    monkeypatch.setitem(ENTRY_POINTS, "rlvr/Made-v0", "knobs_for_tests:made")
    assert knobs("rlvr/Made-v0") == (
        Knob("words", inspect.Parameter.empty, "str", "What is said."),
        Knob("twice", 2, "int", "How often."),
        Knob("loud", False, "bool", "With an exclamation mark."),
    )


def test_a_knob_with_its_type() -> None:
    assert knobs("rlvr/Arithmetic-v0")[0] == Knob(
        "digits", 2, "int | Sequence[int]", "Digits of each operand: a number, or a pair `[low, high]`. 1 to 100."
    )


def test_every_keyword_is_taken() -> None:
    """No knob is made up: each stands in a signature that the class reaches."""
    for env_id in env_ids():
        entry = entry_point(env_id)
        bases = [base for base in lineage(entry) if base is not object]
        signatures = [inspect.signature(base.__init__ if isinstance(base, type) else base) for base in bases]
        tasks = getattr(entry, "taskset_class", None)
        signatures += [inspect.signature(base.__init__) for base in (tasks.__mro__[:-1] if tasks else ())]
        reached = {name for signature in signatures for name in signature.parameters}
        assert set(keywords(env_id)) <= reached
