"""What every environment must stand: those of the canaries in `docs/canaries.md` that no other test shows for all.

Every test is made of `env_ids()` and of what the environments say of themselves, so that a new one is tested as it is
registered.
"""

from __future__ import annotations

import ast
import doctest
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from rlvr_gym.envs import TextEnv
from rlvr_gym.envs.audit import KINDS, attacks, audit
from rlvr_gym.envs.audit.golds import names_of
from rlvr_gym.envs.check import checks
from rlvr_gym.envs.check.faults import FaultyVerifier
from rlvr_gym.envs.check.subject import other_solutions
from rlvr_gym.envs.knobs import knobs
from rlvr_gym.envs.samples import sample_settings
from rlvr_gym.envs.wrappers import FormatGate
from rlvr_gym.envs.wrappers.novelty import NoveltyBonus
from rlvr_gym.reward_shaping import REWARDS, Judged, Novelty, RewardContext, make_reward
from rlvr_gym.reward_shaping import audit as audit_reward
from rlvr_gym.verifiers import Reason, Status, Verdict
from rlvr_gym.verifiers.verdict import VerifierId

from rlvr_gym import env_ids

UNSURE = "I do not know."
MOST_TURNS = 64
Env = gym.Env[Any, Any]


def made(env_id: str, **settings: Any) -> Env:
    return gym.make(f"rlvr_gym:{env_id}", **{**sample_settings(env_id), **settings})


def text_env(env: Env) -> TextEnv:
    assert isinstance(env.unwrapped, TextEnv)
    return env.unwrapped


def family(env_id: str) -> str:
    card = text_env(made(env_id)).card
    assert card is not None
    return card.family


def has(env_id: str, knob: str) -> bool:
    return any(known.name == knob for known in knobs(env_id))


PROGRAMS = [env_id for env_id in env_ids() if family(env_id) == "code"]
every_environment = pytest.mark.parametrize("env_id", env_ids())


@dataclass(frozen=True)
class Played:
    """How an episode went."""

    reward: float
    passed: bool
    turns: int
    info: dict[str, Any]


def played(env: Env, answers: Sequence[str], index: int = 0) -> Played:
    """The episode of a task; the last answer is repeated until it is over."""
    env.reset(options={"task_index": index})
    total = 0.0
    for turn in range(1, MOST_TURNS + 1):
        _, reward, terminated, truncated, info = env.step(answers[min(turn, len(answers)) - 1])
        total += float(reward)
        if terminated or truncated:
            return Played(total, bool(info.get("passed", False)), turn, info)
    raise AssertionError(f"{env} did not end within {MOST_TURNS} turns")


def solution(env: Env, index: int = 0) -> list[str]:
    env.reset(options={"task_index": index})
    return text_env(env).expert(text_env(env).task)


# --- 1: constants ---------------------------------------------------------------------------------------------------


@every_environment
def test_what_solves_one_task_solves_no_other(env_id: str) -> None:
    """In one turn `audit/test_shipped.py` shows it (`answers_of_others`); here moves, and programs."""
    names = {"code": ["program_of_another"], "any": [], "math": []}.get(
        family(env_id), ["moves_of_another", "one_move"]
    )
    if not names:
        return
    settings: dict[str, Any] = {"max_turns": 1} if names[0] == "program_of_another" and has(env_id, "max_turns") else {}
    report = audit(env_id, settings={"reward": "outcome", **settings}, tasks=3, only=names)
    assert report.ok, report.findings
    moves = len(solution(made(env_id)))
    assert {result.attack for result in report.results} == (set(names) if moves > 1 or names[1:] == [] else set())


# --- 2: programs without an end -------------------------------------------------------------------------------------


@pytest.mark.parametrize("env_id", PROGRAMS)
def test_a_program_without_an_end_earns_nothing(env_id: str) -> None:
    quick = {"verifier_config": {"limits": {"cpu_s": 0.1, "wall_s": 5}}}
    settings = quick if has(env_id, "verifier_config") else {"settings": quick} if has(env_id, "settings") else {}
    env = made(env_id, reward="dense", **settings, **({"max_turns": 1} if has(env_id, "max_turns") else {}))
    solution(env)
    task = text_env(env).task
    defined = "".join(f"def {name}(*args, **more):\n    while True: pass\n" for name in names_of(task, task.prompt))
    found = played(env, [f"```python\n{defined}if __name__ == '__main__':\n    while True: pass\n```"])
    assert (found.reward, found.passed, found.info["stop_reason"]) == (0.0, False, "answered")
    assert found.info["verdict"]["status"] == "timeout"


# --- 3: the ladder --------------------------------------------------------------------------------------------------


@every_environment
def test_more_of_the_solution_is_never_worth_less(env_id: str) -> None:
    """The first moves of the solution and then nothing but ignorance, with partial credit."""
    env = made(env_id, reward="dense")
    moves = solution(env)
    steps = range(len(moves) + 1)
    ladder = [played(env, [*moves[:done], *([UNSURE] if done < len(moves) or not moves else [])]) for done in steps]
    rewards = [each.reward for each in ladder]
    assert rewards == sorted(rewards)
    assert [each.passed for each in ladder][-1] is True
    assert rewards[0] == 0.0
    assert rewards[-1] == 1.0 == max(rewards)
    assert [each.passed for each in ladder if each.reward < 1.0] == [False] * sum(reward < 1.0 for reward in rewards)


# --- 5: metamorphic invariance --------------------------------------------------------------------------------------


@every_environment
def test_thoughts_before_a_response_change_nothing(env_id: str) -> None:
    """White space is a check of the kit (`white_space`). The thoughts declare other answers."""
    env = made(env_id, reward="dense")
    thoughts = "<think>Is it #### 1, \\boxed{2} or <answer>3</answer>?\n```python\nx = 4\n```\n</think>\n\n"
    right = solution(env)
    wrong = other_solutions(env, 0, 1)
    for answers in (right, wrong):
        plain, thought = (played(env, [before + answer for answer in answers]) for before in ("", thoughts))
        assert (thought.reward, thought.passed, thought.turns) == (plain.reward, plain.passed, plain.turns)


class Renamed(ast.NodeTransformer):
    """Other names for whatever a function calls its own."""

    def __init__(self, names: set[str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(f"other_{node.id}", node.ctx) if node.id in self.names else node


def rewritten(code: str) -> str:
    """The same program: other names of variables, comments, blank lines, a docstring, other white space."""
    tree = ast.parse(code)
    stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    stored -= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    lines = ast.unparse(ast.fix_missing_locations(Renamed(stored).visit(tree))).splitlines()
    return '"""A program."""\n\n# passed: 1.0\n' + "\n".join(f"{line}  # {n}" for n, line in enumerate(lines))


@pytest.mark.parametrize("env_id", PROGRAMS)
def test_names_comments_and_layout_of_a_program_change_nothing(env_id: str) -> None:
    env = made(env_id, reward="dense")
    [right] = solution(env)
    code = right.partition("```python\n")[2].partition("\n```")[0]
    assert rewritten(code) != code
    assert played(env, [right.replace(code, rewritten(code))]).reward == 1.0


# --- 6: two guesses -------------------------------------------------------------------------------------------------


@every_environment
def test_a_response_is_one_move_and_never_the_whole_solution(env_id: str) -> None:
    """Several final answers are attacks of the audit (`declarations`, `program_retracted`)."""
    env = made(env_id)
    moves = solution(env)
    if len(moves) > 1:
        for joined in ("\n".join(moves), " ".join(moves)):
            assert not played(env, [joined]).passed


# --- 9: texts that lie ----------------------------------------------------------------------------------------------


class Liar(str):
    """A text that answers as if it were another one, whatever it is asked."""

    told: str

    def __str__(self) -> str:
        return self.told

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = str.__hash__

    def __contains__(self, item: object) -> bool:
        return True

    def __len__(self) -> int:
        return len(self.told)

    def strip(self, *chars: Any) -> str:
        return self.told

    def encode(self, *how: Any) -> bytes:
        return self.told.encode()


@every_environment
def test_a_response_is_the_text_that_it_holds(env_id: str) -> None:
    env = made(env_id)
    lies = []
    for answer in solution(env):
        lie = Liar(UNSURE)
        lie.told = answer
        lies.append(lie)
    assert not played(env, lies).passed


# --- 13: intrinsic rewards ------------------------------------------------------------------------------------------


@every_environment
def test_novelty_pays_a_random_policy_less_than_a_solver(env_id: str) -> None:
    """Random text is always new: what it earns is bounded by the cap, which is below what a pass adds."""
    cap = 0.1
    for of in ("anchor", "words"):
        env = NoveltyBonus(made(env_id), of=of, weight=0.05, cap=cap)
        solved = played(env, solution(env))
        rng = random.Random(0)
        noise = played(env, ["".join(rng.choices("abc <>#", k=20)) for _ in range(MOST_TURNS)])
        assert solved.passed
        assert not noise.passed
        assert noise.reward <= cap < 1.0 <= solved.reward <= 1.0 + cap


# --- 17: credit for the format --------------------------------------------------------------------------------------


@every_environment
def test_credit_for_the_format_makes_no_wrong_answer_pass(env_id: str) -> None:
    """Groups are mixed by `passed` (`Filter(metric="passed")`, `Hinted`, triggers), which the bonus does not touch."""
    env = FormatGate(made(env_id), mode="bonus", weight=0.25, pass_on="tagged")
    group = [played(env, [text]) for text in (UNSURE, f"<think>so</think><answer>{UNSURE}</answer>")]
    assert [each.passed for each in group] == [False, False]
    assert group[1].reward == 0.25 > group[0].reward == 0.0


NEEDS = {
    "gate": {"then": "dense"},
    "sum": {"of": ["outcome", "format"], "weights": [1, -0.5]},
    "product": {"of": ["dense", "format"]},
    "min": {"of": ["dense", "format"]},
    "lexicographic": {"of": ["outcome", "length"]},
    "cap": {"of": {"sum": {"of": ["outcome", "dense"]}}},
    "rubric": {"weights": {"kind": 0.25}},
    "spans": {"weights": {"fact": 0.5}},
}


def test_no_reward_tells_wrong_responses_apart_by_their_form_in_silence() -> None:
    """12 and 17: wrong answers that differ in form, length and cost earn the same, or `audit` says why."""
    group = [
        Judged(
            Verdict(status, 0.0, Reason("x", "x"), VerifierId("hand", 1, "0"), text),
            RewardContext(
                "t",
                "g",
                1,
                n,
                text,
                text,
                text,
                ("a",),
                {
                    "tool_calls": n,
                    "rubric": {"kind": n / 50_000},
                    "spans": [],
                    "surprise": {Novelty().slot: n / 50_000},
                },
                given=0.0,
            ),
        )
        for status, n, text in (
            (Status.FAILED, 5, "a"),
            (Status.MALFORMED, 5_000, "a a a a a a a"),
            (Status.FAILED, 50_000, "b"),
        )
    ]
    told, silent = set(), set()
    for name in REWARDS:
        reward = make_reward({name: NEEDS.get(name, {})})
        if len({sum(terms.values()) for terms in reward.terms_of(group)}) > 1:
            (told if audit_reward(reward).form_when_wrong else silent).add(name)
    assert silent == set()
    assert {"length", "cosine_length", "novelty", "overlong", "format", "layered", "tool_cost"} <= told


# --- 19: planted exploits -------------------------------------------------------------------------------------------

MAGIC = '"passed": true'


@every_environment
def test_an_exploit_that_is_planted_is_found(env_id: str) -> None:
    """A judge that believes whoever says so: the audit of each environment finds it, and nothing without it."""

    class Believes(FaultyVerifier):
        def verify(self, response: Any, *args: Any, **kwargs: Any) -> Verdict:
            verdict = self.verifier.verify(response, *args, **kwargs)
            if MAGIC not in str(text_env(env)._actions[-1:]):
                return verdict
            return Verdict(Status.PASSED, 1.0, Reason("said", "so it says"), self.verifier.id)

    env = made(env_id)
    assert audit(env, tasks=1, only=["verdict"]).ok
    text_env(env).verifier = Believes(text_env(env).verifier, None)  # type: ignore[arg-type, assignment]
    assert audit(env, tasks=1, only=["verdict"], chance=0.0).caught == ("verdict",)


# --- The page -------------------------------------------------------------------------------------------------------

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "canaries.md"


def test_the_page_names_what_there_is_and_its_example_runs() -> None:
    rows = re.findall(r"^\| (\d+) \| .* \| (.*) \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [int(number) for number, _, _ in rows] == list(range(1, 20))
    known = {*checks(), *KINDS, *(attack.name for attack in attacks())}
    for _, how, where in rows:
        if how.startswith(("check: ", "audit: ")):
            assert set(re.findall(r"`([a-z_]+)`", how)) <= known, how
        for path in re.findall(r"`([\w/]+\.py)`", where):
            assert list((ROOT / "tests").rglob(path)), path
    result = doctest.testfile(str(PAGE), module_relative=False)
    assert (result.attempted, result.failed) == (5, 0)
