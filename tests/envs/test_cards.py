"""Cards and their pages: nothing is missing, nothing is out of date, and what is measured is what is claimed.

A new id needs no new line here: it fails until `gaps` is empty and `rlvr list --cards --out docs/envs` was run.
"""

from __future__ import annotations

import math
import re
import sys
import types
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import gymnasium as gym
import pytest
from rlvr_gym.envs import ListTaskSet, Task, TextEnv
from rlvr_gym.envs.card import Card
from rlvr_gym.envs.card_pages import COMMAND, FOOTER, INDEX, index_of, page
from rlvr_gym.envs.cards import card_of, facts_of, gaps
from rlvr_gym.envs.measured import CardError, another_solution, most_frequent, noise, play, solution
from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.envs.token_env import TokenEnv
from rlvr_gym.verifiers import ConfigError, make_verifier
from rlvr_gym.verifiers.number import Number

from rlvr_gym import env_ids
from rlvr_gym.cli import main
from rlvr_gym.registration import ENTRY_POINTS

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "envs"


# --- Every registered id ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("env_id", env_ids())
def test_no_card_lacks_anything(env_id: str) -> None:
    missing = gaps(env_id)
    assert not missing, "\n".join([f"the card of {env_id} lacks", *missing])


@pytest.mark.parametrize("env_id", env_ids())
def test_the_page_says_what_is_and_the_scores_keep_to_the_chance_level(env_id: str) -> None:
    """Both in one test, since a card takes seconds to measure.

    False alarms: figures are functions of fixed seeds, so that a test that passed passes again. Three standard
    deviations are the room that a chance level has in a sample.
    """
    card = card_of(env_id)
    file = FOLDER / f"{card.facts.name}.md"
    assert file.is_file(), f"no page for {env_id}: run {COMMAND}"
    assert file.read_text(encoding="utf-8") == page(card), f"{file.name} is out of date: run {COMMAND}"
    gold, *others = card.scores
    assert (gold.policy, gold.reward) == ("gold", 1.0)
    chance = card.facts.card.chance
    for score in others:
        room = 3 * math.sqrt(chance * (1 - chance) / score.episodes)
        assert score.reward <= chance + room, f"{score.policy} earns {score.reward} with a chance level of {chance}"


def test_the_table_is_up_to_date() -> None:
    assert (FOLDER / INDEX).read_text(encoding="utf-8") == index_of(FOLDER), f"{INDEX} is out of date: run {COMMAND}"


def test_no_page_is_left_of_an_id_that_is_gone() -> None:
    generated = {file.stem for file in FOLDER.glob("*.md") if FOOTER in file.read_text(encoding="utf-8")}
    assert generated == {facts_of(env_id).name for env_id in env_ids()} | {"README"}


def test_file_names_differ_by_more_than_capitals() -> None:
    """Two such names are one file on some systems."""
    names = Counter(file.name.lower() for file in FOLDER.glob("*.md"))
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.md")), ids=lambda file: file.name)
def test_links_lead_somewhere(file: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[\w-]*)?\)", file.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (FOLDER / target).exists(), target


# --- What a card claims -------------------------------------------------------------------------------------------


def test_the_best_constant_of_arithmetic() -> None:
    tasks: Any = gym.make("rlvr_gym:rlvr/Arithmetic-v0").unwrapped
    assert Counter(task.reference for task in tasks.taskset).most_common(1) == [("111", 130)]  # 1.3 % of 10,000


def test_the_best_pattern_of_countdown() -> None:
    env: Any = gym.make("rlvr_gym:rlvr/Countdown-v0").unwrapped
    passed = 0
    for index in range(1500):
        env.reset(options={"task_index": index})
        a, b, c, d = sorted(env.task.reference["numbers"], reverse=True)
        passed += env.step(f"<answer>{a} - {b} + {c} - {d}</answer>")[4]["passed"]
    assert passed == 148  # 9.9 % of 1,500


# --- What is missing is named ---------------------------------------------------------------------------------------


class Blind(Number):
    """A verifier that says nothing of what it overlooks."""

    name = "blind"
    blind_spots: ClassVar[tuple[str, ...]] = ()


class Full(TextEnv):
    """Say 4.

    Args:
        path: A file that is not read.
        turns: Turns of an episode.
    """

    card: ClassVar[Card | None] = Card("any", "A number.", "None.", told="Nothing.", data="No columns.")
    judge: ClassVar[Any] = make_verifier("number@1")
    private: ClassVar[dict[str, Any]] = {"reference": 4, "solution": "#### 4"}

    def __init__(self, *, path: str = "", turns: int = 2, render_mode: str | None = None) -> None:
        golds = ({**self.private}, {key: str(value).replace("4", "5") for key, value in self.private.items()})
        tasks = ListTaskSet([Task.create(f"Say {gold['reference']}.", gold) for gold in golds])
        super().__init__(tasks, self.judge, max_turns=turns, render_mode=render_mode)


class NoCard(Full):
    """Say 4."""

    card = None


class NoLicence(Full):
    """Say 4."""

    card = Card("any", "A number.", "", told="Nothing.", data="No columns.")


class NothingTold(Full):
    """Say 4."""

    card = Card("any", "A number.", "None.", data="No columns.")


class NoColumns(Full):
    """Say 4."""

    card = Card("any", "A number.", "None.", told="Nothing.")


class NoBlindSpots(Full):
    """Say 4."""

    card = Full.card
    judge = Blind()


class NoSolution(Full):
    """Say 4."""

    card = Full.card
    private: ClassVar[dict[str, Any]] = {"reference": 4}


class NoMeaning(Full):
    """Say 4."""

    card = Full.card

    def __init__(self, *, path: str = "", loud: bool = False, render_mode: str | None = None) -> None:
        super().__init__(path=path, render_mode=render_mode)


class NoType(Full):
    """Say 4.

    Args:
        loud: With an exclamation mark.
    """

    card = Full.card

    def __init__(self, *, path: str = "", loud=False, render_mode: str | None = None) -> None:  # type: ignore[no-untyped-def]
        super().__init__(path=path, render_mode=render_mode)


class NoWords(Full):
    __doc__ = ""
    card = Full.card


class CardOfTheBase(Full):
    """Say 4."""


WANTING = {
    NoCard: "- a card: set card = Card(family=..., answer_format=..., licence=..., ...) in ",
    CardOfTheBase: "- a card: set card = Card(family=..., answer_format=..., licence=..., ...) in ",
    NoLicence: "- licence: write it in card = Card(...) of ",
    NothingTold: "- told: episodes have several turns; say in card = Card(...) of ",
    NoColumns: "- data: it takes path=; name the columns in card = Card(...) of ",
    NoBlindSpots: "- blind spots of blind@1: set blind_spots of Blind to sentences",
    NoSolution: "- a reference solution: put one in the private part of each task, or in the rows of the sample",
    NoMeaning: "- a meaning of the knob loud: write it in the section Args of the class that takes it",
    NoType: "- a type of the knob loud: annotate it where it is taken",
    NoWords: "- a docstring: say in the first paragraph of ",
}


@pytest.fixture
def registered(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of a class of this file, as if it were registered."""
    cls, env_id = request.param, f"rlvr/{request.param.__name__}-v0"
    place = types.ModuleType("cards_for_tests")
    setattr(place, cls.__name__, cls)
    monkeypatch.setitem(sys.modules, place.__name__, place)
    monkeypatch.setitem(ENTRY_POINTS, env_id, f"{place.__name__}:{cls.__name__}")
    monkeypatch.setitem(gym.registry, env_id, gym.envs.registration.EnvSpec(env_id, entry_point=cls))
    return env_id


@pytest.mark.parametrize(
    ("registered", "wanted"), WANTING.items(), indirect=["registered"], ids=[cls.__name__ for cls in WANTING]
)
def test_each_gap_is_named_alone(registered: str, wanted: str) -> None:
    missing = gaps(registered)
    assert len(missing) == 1, missing
    assert missing[0].startswith(wanted)
    with pytest.raises(CardError, match=f"the card of {registered} lacks\n- "):
        card_of(registered)


@pytest.mark.parametrize("registered", [Full], indirect=True)
def test_a_full_card_lacks_nothing_and_is_a_page(registered: str) -> None:
    assert gaps(registered) == []
    text = page(card_of(registered))
    assert "| `turns` | `2` | `int` | Turns of an episode. |" in text
    assert "| turns | up to 2 |" in text
    assert "| gold | the reference solution | 400 | 1 | 1 |" in text
    assert "4 differs from the reference" in text or "5 differs from the reference" in text


# --- Playing --------------------------------------------------------------------------------------------------------


def test_an_episode_that_cannot_be_judged_is_an_error() -> None:
    env = TextEnv(ListTaskSet([Task.create("?", {"reference": "no number", "solution": "#### 1"})]), Number())
    with pytest.raises(CardError, match="could not be judged: the reference cannot be used"):
        play(env, solution, seed=0)


def test_the_yardsticks() -> None:
    tasks = [Task.create(f"Say {n}.", {"reference": n % 2, "solution": f"#### {n % 2}"}) for n in (0, 1, 3)]
    env = TextEnv(ListTaskSet(tasks), Number())
    env.reset(options={"task_index": 1})
    rng = TaskRandom(b"test")
    said = Counter(another_solution(env, "", rng, 0) for _ in range(300))  # of tasks 0 and 2: "#### 0" and "#### 1"
    assert set(said) == {"#### 0", "#### 1"}
    assert min(said.values()) > 100  # 150 expected, with a deviation of 8.7: a false alarm in 1e-8
    assert {most_frequent(env, "", rng, 0) for _ in range(5)} == {"#### 1"}  # two tasks of three
    texts = [noise(env, "", rng, 0) for _ in range(2000)]
    assert {len(text) for text in texts} == set(range(65))
    assert set("".join(texts)) == {chr(code) for code in range(32, 127)}


def test_an_episode_of_tokens_is_played_turn_by_turn() -> None:
    env = TokenEnv(gym.make("rlvr_gym:rlvr/Mastermind-v0", style="compact", length=2, max_turns=3), "0123456789,:x?")
    played = play(env, another_solution, seed=1)
    assert played.prompt == "2x6:"
    assert len(played.turns) == 3
    assert played.turns[0].response.isdigit()
    assert re.fullmatch(r"\d,\d:", played.turns[0].observation)
    assert played.turns[2].observation == ""
    assert (played.reward, played.stop_reason) == (0.0, "answered")
    assert play(env, solution, seed=1).reward == 1.0


def test_one_task_has_no_other() -> None:
    env = TextEnv(ListTaskSet([Task.create("?", {"reference": 1, "solution": "#### 1"})]), Number())
    env.reset(seed=0)
    with pytest.raises(CardError, match="one task only"):
        another_solution(env, "", TaskRandom(b"test"), 0)


# --- Cards and the command line -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"family": "maths"},
            "the family of a card is one of any, code, game, instruction, logic, math, structured, tool; got 'maths'",
        ),
        ({"chance": 1.5}, "the chance of a card is a mean reward from 0 to 1, got 1.5"),
        ({"chance": float("nan")}, "got nan"),
    ],
)
def test_a_card_refuses(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        Card(**{"family": "math", "answer_format": "a", "licence": "b", **settings})


def test_list_prints_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--cards", "Arithmetic-v0"]) == 0
    assert capsys.readouterr().out.strip() == (FOLDER / "Arithmetic.md").read_text(encoding="utf-8").strip()


def test_list_writes_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new" / "pages"
    assert main(["list", "--cards", "rlvr/Arithmetic-v0", "--out", str(folder)]) == 0
    assert [file.name for file in folder.iterdir()] == ["Arithmetic.md"]
    assert (folder / "Arithmetic.md").read_bytes() == (FOLDER / "Arithmetic.md").read_bytes()
    assert "wrote" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--cards", "Arithmetik-v0"], "did you mean"),
        (["--cards", "other:rlvr/Arithmetic-v0"], "unknown environment"),
        (["--out", "pages"], "--out is for pages of cards: add --cards"),
    ],
)
def test_mistakes_are_one_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
