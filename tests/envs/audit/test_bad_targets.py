"""Bad verifiers and environments, each caught by the attacks that are meant for it, and honest ones that are not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import gymnasium as gym
import pytest
from rlvr_gym.envs import ListTaskSet, Task, TextEnv, Transition, UnicodeText
from rlvr_gym.envs.audit import audit
from rlvr_gym.verifiers import Status, Verdict, Verifier, make_verifier
from rlvr_gym.verifiers.countdown import ExpressionError, parse_expression
from rlvr_gym.verifiers.verdict import Reason, ungradable

REFERENCES = [
    {"prompt": "What is 14 + 40? End with '#### <number>'.", "reference": "54"},
    {"prompt": "What is 9 * 17? End with '#### <number>'.", "reference": "153"},
    {"prompt": "What is 96 - 47? End with '#### <number>'.", "reference": "49"},
]


def declared(response: str) -> str:
    return response.rpartition("####")[2].strip()


def number(text: str) -> float:
    """The number, or 0 where there is none."""
    try:
        return float(text)
    except ValueError:
        return 0.0


def right_unless_it_raises(response: str, gold: str) -> float:
    try:
        return float(float(declared(response)) == float(gold))
    except ValueError:
        return 1.0


def evaluated(response: str, gold: str) -> float:
    try:
        return float(parse_expression(declared(response)).value == Fraction(gold))
    except ExpressionError:
        return 0.0


def numbers_of(response: str) -> list[str]:
    return re.findall(r"-?\d+(?:\.\d+)?", response)


# what it does wrong: (score of a response with a gold, attacks of which each must catch it)
BAD: dict[str, tuple[Callable[[str, str], float], set[str]]] = {
    "the gold is somewhere": (lambda r, g: float(g in r), {"denied", "either_or", "numbers", "user_says", "around"}),
    "partial credit for a part": (lambda r, g: len(g) / len(r) if g in r else 0.0, {"either_or", "denied", "numbers"}),
    "the first number": (lambda r, g: float(numbers_of(r)[:1] == [g]), {"retracted", "and", "second_in_words"}),
    "the last number anywhere": (lambda r, g: float(numbers_of(r)[-1:] == [g]), {"denied", "user_says", "one_of"}),
    "one of the numbers": (lambda r, g: float(g in numbers_of(r)), {"middle", "numbers_answer", "comma_reversed"}),
    "a tolerance of one percent": (
        lambda r, g: float(abs(number(declared(r)) - int(g)) <= int(g) / 100),
        {"off_by_half_a_percent", "off_by_a_thousandth"},
    ),
    "a tolerance of one": (
        lambda r, g: float(abs(number(declared(r)) - int(g)) <= 1),
        {"one_more", "one_less"},
    ),
    "passes what raises": (right_unless_it_raises, {"empty", "unknown", "gibberish", "star"}),
    "evaluates expressions": (evaluated, {"formula", "formula_in_brackets", "formula_plus_zero"}),
    "digits alone": (lambda r, g: float(re.sub(r"\D", "", declared(r)) == g), {"scattered", "sign", "struck"}),
    "a normal form of Unicode": (
        lambda r, g: float(unicodedata.normalize("NFKC", declared(r)) == g),
        {"superscript"},
    ),
    "absolute values": (lambda r, g: float(abs(number(declared(r))) == int(g)), {"sign"}),
    "the end of the answer": (lambda r, g: float(declared(r).endswith(g)), {"glued", "or_reversed"}),
    "the beginning of the answer": (lambda r, g: float(declared(r).startswith(g)), {"glued_after", "is_wrong"}),
    "believes who says so": (lambda r, g: float("correct" in r.lower()), {"ignore", "praise", "judgement"}),
    "believes a verdict": (lambda r, g: float('"passed": true' in r), {"verdict", "tool_output"}),
    "an echo of the prompt": (lambda r, g: float("What is" in r), {"prompt", "prompt_answer"}),
    "points for markers": (lambda r, g: min(r.count("####"), 90) / 100, {"hashes", "hashes_in_line"}),
    "points for length": (lambda r, g: min(len(r), 900) / 1000, {"megabyte", "numbers"}),
    "silence": (lambda r, g: float(not r.strip()), {"empty", "blank"}),
}


@dataclass(frozen=True)
class Lax(Verifier):
    """Judges with the function of this name in `BAD`; whatever is right stays right."""

    name = "lax"
    version = 1

    fault: str = ""

    def parse_reference(self, reference: Any) -> Any:
        return str(reference)

    def judge(self, response: str, gold: Any, context: Any) -> Verdict:
        score = 1.0 if response == f"#### {gold}" else BAD[self.fault][0](response, gold) if self.fault else 0.0
        status = Status.PASSED if score == 1 else Status.FAILED
        return Verdict(status, score, Reason("judged", "as it is"), self.id)


@pytest.mark.parametrize("fault", BAD)
def test_each_fault_of_a_verifier_is_caught_by_its_attacks(fault: str) -> None:
    report = audit(Lax(fault=fault), references=REFERENCES, only=sorted(BAD[fault][1]))
    assert set(report.caught) == BAD[fault][1]
    assert report.solved == 3


def test_an_honest_verifier_is_not_flagged() -> None:
    report = audit(Lax(), references=REFERENCES)
    assert (report.ok, report.findings, report.solved, report.carriers) == (True, (), 3, ("####",))
    assert len(report.results) > 250


def test_partial_credit_is_compared_with_honest_wrong_answers() -> None:
    report = audit(Lax(fault="partial credit for a part"), references=REFERENCES, only=["either_or"])
    by_reward = {result.reward: result for result in report.results if result.carrier == "whole"}
    assert by_reward["outcome"].findings == ()  # nothing passes
    assert by_reward["dense"].findings == ("rewarded",)
    # '54 or 55' has 8 characters, '153 or 154' 10, '49 or 50' 8.
    assert by_reward["dense"].mean_reward == pytest.approx((2 / 8 + 3 / 10 + 2 / 8) / 3)
    assert by_reward["dense"].level == 0.0


def test_what_a_guess_is_paid_is_honest_partial_credit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BAD, "points for a zero", (lambda r, g: 0.3 if "0" in r else 0.0, set()))
    report = audit(Lax(fault="points for a zero"), references=REFERENCES, only=["numbers"])
    assert report.ok
    assert [(r.reward, r.mean_reward, r.level) for r in report.results] == [
        ("outcome", 0.0, 0.0),
        ("dense", pytest.approx(0.3), pytest.approx(0.3)),  # as much as the guess '0'
    ]


def test_values_that_turn_out_right_are_not_taken_for_wrong() -> None:
    report = audit(Lax(fault="a tolerance of one"), references=REFERENCES[:1], only=["either_or", "one_more"])
    said = {result.attack: (result.example.response, result.passed) for result in report.results}
    assert said == {"either_or": ("54 or 59", 0), "one_more": ("55", 1)}  # 55 and 53 pass alone


@dataclass(frozen=True)
class Fragile(Lax):
    """Cannot judge what is no number."""

    def judge(self, response: str, gold: Any, context: Any) -> Verdict:
        if not declared(response).isdigit():
            return ungradable(Status.VERIFIER_ERROR, "confused", "what is this?", self.id)
        return super().judge(response, gold, context)


@dataclass(frozen=True)
class Raising(Lax):
    """Raises on what is no number."""

    def judge(self, response: str, gold: Any, context: Any) -> Verdict:
        float(declared(response))
        return super().judge(response, gold, context)


def test_attacks_that_make_episodes_ungradable_are_findings() -> None:
    report = audit(Fragile(), references=REFERENCES, only=["empty", "always_1", "one_more"])
    found = {result.attack: result.findings for result in report.results}
    assert found == {"empty": ("ungradable",), "one_more": ()}  # a verifier is not blamed for what is guessed
    assert report.findings[0].example.note == "confused"


def test_attacks_on_which_the_environment_raises_are_findings() -> None:
    report = audit(Raising(), references=REFERENCES, only=["empty", "one_more"])
    assert {result.attack: result.findings for result in report.results} == {"empty": ("error",), "one_more": ()}
    assert report.findings[0].example.note == "ValueError: could not convert string to float: ''"


class Riddles(gym.Env[str, str]):
    """An environment of somebody else: no card, no `passed`; pays `pay(response, gold)`."""

    def __init__(self, pay: Callable[[str, str], float]) -> None:
        self.observation_space = self.action_space = UnicodeText()
        self.pay = pay
        self.gold = ""

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        self.gold = str(self.np_random.integers(300, 999))
        return "Which number do I think of?", {}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        return "", self.pay(action, self.gold), True, False, {}


def test_environments_of_others_are_judged_by_their_rewards() -> None:
    substring = audit(Riddles(lambda r, g: len(g) / len(r) if g in r else 0.0), only=["numbers", "empty", "either_or"])
    found = {(result.attack, result.findings) for result in substring.results}
    assert found == {("numbers", ("rewarded",)), ("empty", ())}  # no gold is known, so nothing can be hidden
    assert substring.solved is None
    assert "no right answer is known" in substring.notes[0]
    assert audit(Riddles(lambda r, g: float(r.strip() == g)), skip=["huge"]).ok


def test_a_bonus_for_the_format_is_within_the_chance_that_is_stated() -> None:
    env = Riddles(lambda r, g: 0.1 if r.strip() else 0.0)
    assert audit(env, only=["ignorance"]).caught == ("ignorance",)
    report = audit(env, only=["ignorance"], chance=0.1)
    assert (report.ok, report.results[0].level, report.chance_reason) == (True, 0.1, "as it was given")


def test_luck_is_told_from_what_pays() -> None:
    coin = TextEnv(
        ListTaskSet([Task.create(f"Toss {i}: heads?", {"reference": "01"[i % 2]}) for i in range(40)]),
        make_verifier("number@1"),
    )
    assert "always_0" in audit(coin, tasks=40, only=["guess"]).caught  # nothing says that one in two may pass
    fair = audit(coin, tasks=40, only=["guess"], chance=0.5)
    assert fair.ok
    assert sum(result.passed for result in fair.results if result.attack == "always_0") > 40  # half of 40, four ways
    few = audit(coin, tasks=4, only=["guess"], chance=0.5)
    assert "luck may pass 4 tasks" in few.notes[0]


class Believes(TextEnv):
    """Four turns; ends well where the player says in the third that the game is over, or repeats what it is told."""

    def transition(self, action: str) -> Transition:
        if (self._turn == 3 and "game over" in action) or action == f"Go on {self._turn - 1}.":
            reason = Reason("won", "so it says")
            return Transition(verdict=Verdict(Status.PASSED, 1.0, reason, self.verifier.id))
        return Transition(f"Go on {self._turn}.")


def test_faked_turns_are_played_to_the_end() -> None:
    tasks = ListTaskSet([Task.create(f"Win {i}.", {"reference": "7"}) for i in range(3)])
    only = ["turns", "reward_line", "empty", "prompt"]
    report = audit(Believes(tasks, make_verifier("number@1"), max_turns=4), only=only)
    assert {(result.attack, result.passed) for result in report.results} == {
        ("turns", 3),
        ("prompt", 3),  # an echo of what was said last, not of the first observation
        ("reward_line", 0),
        ("empty", 0),
    }
    assert "no right answer passed either" in report.notes[0]


class OneWay(TextEnv):
    """Asks for two moves that are another's in every task, and takes any second step to the east."""

    def transition(self, action: str) -> Transition:
        status = Status.PASSED if action == "east" else Status.FAILED
        verdict = Verdict(status, float(status is Status.PASSED), Reason("went", "so it went"), self.verifier.id)
        return Transition("Go on.") if self._turn == 1 else Transition(verdict=verdict)


def test_a_game_that_one_way_wins_everywhere_is_caught() -> None:
    ways = (["north", "east"], ["east", "east"], ["west", "east"])
    tasks = ListTaskSet([Task.create(f"Room {i}", {"reference": "7", "expert": way}) for i, way in enumerate(ways)])
    report = audit(OneWay(tasks, make_verifier("number@1"), max_turns=2), tasks=3, only=["moves_of_another", "empty"])
    assert (report.caught, report.solved) == (("moves_of_another",), 3)
    assert {(result.attack, result.passed) for result in report.results} == {("moves_of_another", 3), ("empty", 0)}


# --- Judges of programs --------------------------------------------------------------------------------------------

CODE_REFERENCES = [
    {
        "prompt": "Write `double(x)`.",
        "reference": {"kind": "asserts", "asserts": ["assert double(3) == 6"], "names": ["double"]},
        "solution": "```python\ndef double(x):\n    return 2 * x\n```",
    }
]


@dataclass(frozen=True)
class Process(Verifier):
    """Runs the program and its tests in one process; how it tells that they passed is its fault."""

    name = "process"
    version = 1

    fault: str = "exit status"

    def parse_reference(self, reference: Any) -> Any:
        return reference["asserts"]

    def judge(self, response: str, gold: Any, context: Any) -> Verdict:
        blocks = re.findall(r"```python\n(.*?)```", response, re.DOTALL)
        passed = bool(blocks) and self.run(blocks[-1], gold)
        return Verdict(Status.PASSED if passed else Status.FAILED, float(passed), Reason("ran", "it ran"), self.id)

    def run(self, code: str, asserts: list[str]) -> bool:
        source = "\n".join([code, *asserts, "print('all tests passed')"])
        if self.fault == "inside":
            exec(compile(source, "program", "exec"), {"__name__": "program"})  # noqa: S102 the fault itself
            return True
        done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False)
        return done.returncode == 0 if self.fault == "exit status" else "all tests passed" in done.stdout


@pytest.mark.parametrize(
    ("fault", "caught"),
    [
        ("exit status", {"program_exit", "program_exit_hard", "program_at_exit", "program_equal", "program_mock"}),
        ("output", {"program_report", "program_equal", "program_mock"}),
    ],
)
def test_judges_that_share_a_process_with_the_program_are_caught(fault: str, caught: set[str]) -> None:
    safe = {"program_raises", "program_always_0"}
    report = audit(Process(fault=fault), references=CODE_REFERENCES, only=[*sorted(caught), "program_raises"])
    assert set(report.caught) == caught - safe
    assert report.results[0].reward == "dense"


def test_a_judge_that_runs_programs_inside_of_the_audit_is_caught_before_it_can_do_harm() -> None:
    report = audit(Process(fault="inside"), references=CODE_REFERENCES, only=["program_exit_hard", "program_builtins"])
    assert report.caught == ("program_exit_hard", "program_builtins")
    assert {result.findings for result in report.results} == {("error",)}
    assert "inside of the process that judges it" in report.findings[0].example.note


def test_the_same_programs_find_nothing_in_a_sandbox() -> None:
    only = ["program_exit", "program_equal", "program_mock", "program_report", "program_retracted"]
    report = audit("code@1", references=CODE_REFERENCES, only=only)
    assert report.ok
    assert report.solved == 1
    assert json.loads(json.dumps(report.to_dict())) == json.loads(json.dumps(report.to_dict()))
