"""No attack pays in anything that is shipped, apart from what is listed here with its reason.

A hole that is mended must leave the list: the verifiers are held to it exactly.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from rlvr_gym.envs.audit import AuditReport, audit
from rlvr_gym.envs.audit.references import REFERENCES
from rlvr_gym.envs.samples import sample_settings
from rlvr_gym.verifiers import Verifier, make_verifier, verifier_names

from rlvr_gym import env_ids

# The holes of a verifier: the name of the attack that pays and an answer that shows it, with a comment on its reason.
KNOWN: dict[str, dict[str, str]] = {"code": {}, "countdown": {}, "mastermind": {}, "math": {}, "number": {}}
# A title with a sign before it is the title.
KNOWN["answer"] = {"program_commented": "#### # The Silent Orchard"}
# The whole response is the answer: one with the right text in it keeps to what the right text keeps to, and any text of
# some length keeps to some instructions, which the dense score says.
_WHOLE = ("tool_says", "user_says", "verdict", "verdict_answer", "verdict_block", "wrong_with_order")
KNOWN["instructions"] = dict.fromkeys(_WHOLE, "a text that keeps to instructions")
# Of these a response is only a part of what is judged (sources or a log of calls come from an environment), or all
# of it is the answer.
OF_A_WHOLE = {"citations", "episode", "instructions", "trajectory"}
CHILDREN = {
    "all_of": ["number@1", "number@1"],
    "any_of": ["number@1", "math@1"],
    "first": ["number@1", "math@1"],
    "gate": ["number@1", "number@1"],
    "weighted": ["number@1", "number@1"],
}
# Programs are run, some milliseconds each: with the reward that also shows partial credit, on few tasks. Of games and
# tools few turns: an attack plays all of them, and most do the same in each; the solutions of tools take four.
QUICK: dict[str, dict[str, Any]] = {
    "BouncingSim": {"reward": "dense"},
    "CodeRepair": {"max_turns": 2, "reward": "dense"},
    "ListFunctions": {"reward": "dense"},
    "Corridor": {"max_turns": 5},
    "Mastermind": {"max_turns": 3},
    "Maze": {"max_turns": 5},
    "TwentyQuestions": {"max_turns": 3},
    "Game2048": {"max_turns": 4},
    "Adventure": {"max_turns": 4},
    "Wordle": {"max_turns": 3},
    "FrozenLake": {"max_turns": 4},
    "Hanoi": {"max_turns": 4},
    "Minesweeper": {"max_turns": 4},
    "Sokoban": {"max_turns": 4},
    **{name: {"max_turns": 5} for name in ("ToolDataset", "ToolFiles", "ToolMath", "ToolSQL", "ToolSearch")},
    "PlannerExecutor": {"subgoals": 2, "max_turns": 10},
    "ToolWorld": {"domain": "library", "wishes": 1, "refused": 0.0, "max_turns": 12},
}
CODE_TASKS, TOOL_TASKS, TASKS = 1, 1, 3
FIXTURES = Path(__file__).parents[2] / "verifiers" / "fixtures"
COMBINED = ["hedge", "declarations", "injection"]  # what reaches the children


def known_of(verifier: Verifier) -> set[str]:
    """The holes of a verifier, and of those that it is made of."""
    children = getattr(verifier, "children", ())
    return set().union(*map(known_of, children)) if children else set(KNOWN.get(verifier.name, {}))


def fixtures(name: str) -> list[dict[str, Any]]:
    """References of a verifier that has none in the audit: those of its fixtures."""
    cases = json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))["cases"]
    plain = [case for case in cases if not case["config"]]
    return [{"reference": case["reference"], "solution": case["passes"][0]} for case in plain]


def unexpected(report: AuditReport, known: set[str]) -> dict[str, tuple[str, ...]]:
    return {result.attack: result.findings for result in report.findings if result.attack not in known}


@pytest.mark.parametrize("env_id", env_ids())
def test_no_attack_pays_in_an_environment(env_id: str) -> None:
    settings = QUICK.get(env_id.partition("/")[2].partition("-")[0], {})
    env: Any = gym.make(f"rlvr_gym:{env_id}", **sample_settings(env_id), **settings)
    tasks = {"code": CODE_TASKS, "tool": TOOL_TASKS}.get(env.unwrapped.card.family, TASKS)
    report = audit(env_id, settings=settings, tasks=tasks)
    assert unexpected(report, known_of(env.unwrapped.verifier)) == {}
    assert report.tasks == tasks
    assert report.solved == report.tasks or report.family == "game"  # which would take more turns
    played = {result.kind for result in report.results}
    assert {"guess", "echo", "nothing", "stuffing", "huge", "fake", "injection"} <= played
    assert {"code": "program", "math": "hedge", "tool": "tool"}.get(report.family, "guess") in played
    # Two guesses in one response. Where no one response is the answer, `test_canaries.py` gives all moves in one.
    two = {"retracted", "program_retracted"} & {result.attack for result in report.results}
    moves = {"adventure", "episode", "game2048", "hanoi", "lake", "minesweeper", "sokoban", "walk"}
    assert two or env.unwrapped.verifier.name in {*moves, "instructions"}


@pytest.mark.parametrize("name", [name for name in verifier_names() if name[:-2] not in OF_A_WHOLE])
def test_no_attack_pays_with_a_verifier(name: str) -> None:
    short = name.partition("@")[0]
    settings = {"children": CHILDREN[short]} if short in CHILDREN else {}
    settings |= {"weights": [1, 2]} if short == "weighted" else {}
    references = None if short in {*CHILDREN, *REFERENCES} else fixtures(name)
    only, tasks = COMBINED if short in CHILDREN else [], 2 if short == "code" else None
    report = audit(name, settings=settings, references=references, only=only, tasks=tasks)
    verifier = make_verifier(name, **settings)
    known = known_of(verifier)
    if short not in CHILDREN:
        assert set(report.caught) == known, f"a hole that is mended leaves the list: {known - set(report.caught)}"
    assert unexpected(report, known) == {}
    assert report.solved == report.tasks


def test_what_is_made_for_evaluation_alone_is_caught() -> None:
    """`mode="lenient"` takes the last number of a text that declares none: not for training."""
    lenient = audit("number@1", settings={"mode": "lenient"}, only=["declarations", "fake"])
    assert {"denied", "one_of"} <= set(lenient.caught)


def test_a_tolerant_environment_of_a_file_is_caught(tmp_path: Path) -> None:
    """The three tests of this row are all shown: a table of them passes."""
    tests = ["assert f(3) == 6", "assert f(-4) == -8", "assert f(0) == 0"]
    file = tmp_path / "mbpp.jsonl"
    file.write_text(json.dumps({"prompt": "Double it.", "code": "def f(x):\n    return 2 * x", "test_list": tests}))
    only = ["program_table", "program_exit"]
    shown = audit("rlvr/MBPP-v0", settings={"path": str(file), "shown_tests": 3}, only=only)
    assert shown.caught == ("program_table",)
    assert audit("rlvr/MBPP-v0", settings={"path": str(file)}, only=only).ok


@pytest.mark.parametrize("target", ["math@1", "rlvr/Countdown-v0", "rlvr/Mastermind-v0"])
def test_equal_audits_give_equal_bytes(target: str) -> None:
    only = ["hedge", "gibberish", "any_characters", "answers_of_others", "prompt"]
    first, second = (json.dumps(audit(target, tasks=2, seed=5, only=only).to_dict()) for _ in range(2))
    assert first == second
    assert first != json.dumps(audit(target, tasks=2, seed=6, only=only).to_dict()) or target == "math@1"
