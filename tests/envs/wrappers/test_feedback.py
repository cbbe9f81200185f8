"""`Feedback`: what is told after a wrong answer, and that it cannot tell the right one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from rlvr_gym.envs.samples import sample_settings
from rlvr_gym.envs.wrappers import Feedback, FormatGate
from rlvr_gym.envs.wrappers.feedback import LEVELS, REASON_SENTENCES, STATUS_SENTENCES, sentence
from rlvr_gym.verifiers import ConfigError, Status, make_verifier

ROOT = Path(__file__).resolve().parents[3]
CASES = [
    (path.stem, case)
    for path in sorted((ROOT / "tests" / "verifiers" / "fixtures").glob("*.json"))
    for case in json.loads(path.read_text(encoding="utf-8"))["cases"]
]
IN_PROCESS = [(name, case) for name, case in CASES if not name.startswith("code@")]
SENTENCES = {*STATUS_SENTENCES.values(), *REASON_SENTENCES.values()}


def told(env: gym.Env[str, str], response: str) -> str:
    env.reset(seed=0)
    return str(env.step(response)[0])


@pytest.mark.parametrize(
    ("response", "status", "reason"),
    [
        ("#### 53", "Your answer is incorrect.", "Your answer is incorrect."),
        ("", "No final answer was found in your response.", "There is no marked final answer in your response."),
        ("<think>", "No final answer was found in your response.", "Your reasoning is never closed."),
        ("#### ", "Your answer cannot be read.", "Your final answer is empty."),
        (
            "#### 5 or 54",
            "Your response does not declare one single answer.",
            "Your final answer holds more than one number.",
        ),
        ("\\boxed{5", "Your answer cannot be read.", "The braces of your last box are not balanced."),
        ("#### 1/0", "Your answer cannot be read.", "Your answer divides by zero."),
    ],
)
def test_the_two_levels(response: str, status: str, reason: str) -> None:
    for level, expected in (("status", status), ("reason", reason)):
        env = Feedback(gym.make("rlvr_gym:rlvr/Arithmetic-v0"), level=level)
        assert told(env, response) == f"{expected} Try again."


def test_a_response_without_the_format_is_told_so() -> None:
    env = Feedback(FormatGate(gym.make("rlvr_gym:rlvr/Arithmetic-v0")), level="reason", invitation="Once more, please.")
    assert told(env, "54") == "Your response does not have the format that was asked for. Once more, please."


@pytest.mark.parametrize(("name", "case"), IN_PROCESS, ids=[f"{name}-{i}" for i, (name, _) in enumerate(IN_PROCESS)])
@pytest.mark.parametrize("level", LEVELS)
def test_what_is_told_is_a_constant_and_quotes_no_reference(name: str, case: dict[str, Any], level: str) -> None:
    """Over the fixtures of every verifier. The reasons themselves do quote it: `the value is 15, the target is 22`."""
    verifier = make_verifier(name, **case["config"])
    for response in [*case["fails"], *case["attacks"].values(), "", "<think>"]:
        verdict = verifier.verify(response, case["reference"]).to_dict()
        assert not verdict["passed"]
        said = sentence(verdict, level)
        assert said in SENTENCES
        assert not any(char.isdigit() for char in said)


GOLDS = [
    "1/2",
    "(1,2]",
    "\\{1,2\\}",
    "x+1",
    "\\text{even}",
    "5\\text{ cm}",
    "\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}",
    "1,2",
    "50\\%",
    "x=2",
    "x<3",
    "101_2",
    "3:45",
    "\\pi",
    "7",
    "2+3i",
    "\\emptyset",
    "10^{100}",
]
ANSWERS = [
    "5",
    "2,1,5",
    "x",
    "\\text{odd}",
    "5\\text{ kg}",
    "\\{1\\}",
    "(1,2)",
    "x=1",
    "1/0",
    "",
    "2^{10^{9}}",
    "cat dog",
    "\\frac",
    "7_2",
    "12:61",
    "1\\pm2",
    "5 \\text{ or } 8",
    "|||",
    "x+",
    "\\sqrt{}",
    "5} and \\boxed{8",
]


@pytest.mark.parametrize("name", ["math@1", "number@1"])
@pytest.mark.parametrize("level", LEVELS)
def test_what_is_told_does_not_depend_on_the_reference(name: str, level: str) -> None:
    """Whatever the gold is of (a number, an interval, a word), a response that is wrong is told the same."""
    verifier = make_verifier(name)
    for answer in ANSWERS:
        verdicts = [verifier.verify(f"\\boxed{{{answer}}}", gold) for gold in GOLDS]
        wrong = [verdict.to_dict() for verdict in verdicts if verdict.gradable and not verdict.passed]
        assert wrong
        assert len({sentence(verdict, level) for verdict in wrong}) == 1, answer


@pytest.mark.parametrize("code", REASON_SENTENCES)
def test_every_code_of_the_table_is_one_of_a_verifier(code: str) -> None:
    sources = [*(ROOT / "verifiers").rglob("*.py"), ROOT / "envs" / "wrappers" / "format_gate.py"]
    assert any(f'"{code}"' in path.read_text(encoding="utf-8") for path in sources)


def test_every_gradable_status_but_passed_has_a_sentence() -> None:
    assert set(STATUS_SENTENCES) == {status.value for status in Status if status.gradable} - {"passed"}


def test_an_unknown_code_or_status_is_told_that_the_answer_is_incorrect() -> None:
    verdict = {"status": "failed", "reason": {"code": "nearly_42", "text": "42 is nearly it"}}
    assert sentence(verdict, "reason") == "Your answer is incorrect."
    assert sentence({**verdict, "status": "new"}, "status") == "Your answer is incorrect."


def test_the_share_of_the_parts_is_told_only_when_asked_for() -> None:
    wrong = "<answer>3 + 5 + 7</answer>"
    settings = {"numbers": 3, "style": "question"}
    quiet = Feedback(gym.make("rlvr_gym:rlvr/Countdown-v0", **settings), level="reason")
    assert "hold" not in told(quiet, wrong)
    telling = Feedback(gym.make("rlvr_gym:rlvr/Countdown-v0", **settings), level="reason", share=True)
    assert told(telling, wrong).endswith("1 of 3 parts hold. Try again.")


def test_a_program_is_told_how_it_ended_and_no_test() -> None:
    env = Feedback(gym.make("rlvr_gym:rlvr/HumanEval-v0", **sample_settings("rlvr/HumanEval-v0")), level="reason")
    assert told(env, "```python\ndef f(:\n```") == "Your program has a syntax error. Try again."
    assert told(env, "```python\nx = 1") == "Your last code block is never closed. Try again."


@pytest.mark.parametrize("setting", [{"level": "reasons"}, {"level": 3}, {"share": 1}, {"invitation": None}])
def test_bad_settings_are_refused(setting: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(setting))):
        Feedback(gym.make("rlvr_gym:rlvr/Arithmetic-v0"), **setting)
