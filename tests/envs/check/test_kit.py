"""The conformance kit: every registered id passes; one broken environment a check is caught by that check alone."""

from __future__ import annotations

import doctest
import importlib
import json
import pickle
import re
import sys
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from gymnasium.envs.registration import EnvSpec
from rlvr_gym.envs import ListTaskSet, Task, TextEnv, Transition, UnicodeText
from rlvr_gym.envs import wrappers as text_wrappers
from rlvr_gym.envs.check import CheckFailed, CheckReport, check_text_env, checks
from rlvr_gym.envs.check.elsewhere import ProcessError, compared, job_of, played_elsewhere, serve
from rlvr_gym.envs.check.kit import CHECKS
from rlvr_gym.envs.check.subject import Subject, expert_answers, made
from rlvr_gym.envs.samples import sample_settings
from rlvr_gym.verifiers import ConfigError, UnknownNameError, make_verifier

from rlvr_gym import env_ids
from rlvr_gym.registration import COMPOSITES

sys.path.append(str(Path(__file__).parent))  # also for the other process, which is given our path
zoo: Any = importlib.import_module("conformance_zoo")

# What a whole class of environments cannot be asked: there may be no gold but the prompt's, no solution, no wrapper.
MAY_NOT_APPLY = {"gold_hidden", "gold_blind"}
OF_A_CHOICE = {
    "private_hidden",
    "gold_hidden",
    "gold_blind",
    "bad_gold",
}  # environments that play in one of several others


def subject_of(spec: EnvSpec) -> Subject:
    """What the kit makes of a spec whose environments render as text."""
    return Subject(partial(made, spec, "ansi"), spec, "ansi", (0, 1, 2), 3, 6, expert_answers)


@pytest.mark.parametrize("env_id", env_ids())
def test_every_registered_id_passes(env_id: str) -> None:
    """Every check but `process`, which is made below: one process for all of them."""
    report = check_text_env(f"rlvr_gym:{env_id}", settings=sample_settings(env_id), skip=["process"])
    base = gym.make(f"rlvr_gym:{env_id}", **sample_settings(env_id)).unwrapped
    assert set(report.not_applicable) <= (MAY_NOT_APPLY if isinstance(base, TextEnv) else OF_A_CHOICE)
    assert [outcome.name for outcome in report.outcomes if outcome.status == "skipped"] == ["process"]


def test_every_registered_id_plays_alike_in_another_process() -> None:
    subjects = {}
    for env_id in env_ids():
        spec = gym.make(f"rlvr_gym:{env_id}", disable_env_checker=True, **sample_settings(env_id)).spec
        assert spec is not None
        subjects[env_id] = subject_of(spec)
    records = played_elsewhere([job_of(subject) for subject in subjects.values()])
    found = zip(subjects.items(), records, strict=True)
    assert {env_id: seen for (env_id, subject), record in found if (seen := compared(subject, record))} == {}


@pytest.mark.parametrize(
    ("env_id", "settings"),
    [
        ("rlvr/Mixture-v0", {"envs": [{"id": "rlvr/Arithmetic-v0", "weight": 2}, {"id": "rlvr/Mastermind-v0"}]}),
        ("rlvr/Curriculum-v0", {"env": "rlvr/Arithmetic-v0", "levels": [{"digits": 1}, {"digits": 2}], "level": 1}),
    ],
)
def test_environments_made_of_environments_pass(env_id: str, settings: dict[str, Any]) -> None:
    assert set(COMPOSITES) == {"rlvr/Mixture-v0", "rlvr/Curriculum-v0"}
    assert set(check_text_env(env_id, settings=settings).not_applicable) <= OF_A_CHOICE


# --- One broken environment a check -------------------------------------------------------------------------------


def test_every_check_has_a_broken_environment() -> None:
    assert set(zoo.BROKEN) == set(checks())


def test_checks_stand_after_those_that_they_build_on() -> None:
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names)
    for check in CHECKS:
        assert set(check.needs) <= set(names[: names.index(check.name)]), check.name


@pytest.fixture(scope="module")
def elsewhere() -> dict[str, str | None]:
    """What the check `process` finds in each of the broken environments: one process for all saves half a minute.

    Left out are those that it is not run on, since it builds on another check, which they fail.
    """
    subjects = {}
    for name, cls in zoo.BROKEN.items():
        if name not in next(check.needs for check in CHECKS if check.name == "process"):
            subjects[name] = subject_of(gym.spec(f"zoo/{cls.__name__}-v0"))
    records = played_elsewhere([job_of(subject) for subject in subjects.values()])
    return {name: compared(subjects[name], record) for name, record in zip(subjects, records, strict=True)}


@pytest.mark.parametrize("name", checks())
def test_a_broken_environment_is_caught_by_exactly_its_check(name: str, elsewhere: dict[str, str | None]) -> None:
    env_id = f"zoo/{zoo.BROKEN[name].__name__}-v0"
    report = check_text_env(env_id, skip=() if name == "process" else ("process",), raise_on_failure=False)
    assert report.failed == (name,), report
    assert report[name].seen
    assert report[name].advice
    assert (elsewhere.get(name) is not None) == (name == "process")
    for outcome in report.outcomes:  # whatever is not applicable is so because of this failure
        if outcome.status == "not applicable":
            assert outcome.seen == f"says nothing as long as {name} fails"


def test_the_sound_one_passes_everything() -> None:
    report = check_text_env("zoo/Doors-v0")
    assert report.passed == tuple(checks())


# --- What is seen ---------------------------------------------------------------------------------------------------


def failed(check: str) -> str:
    env_id = f"zoo/{zoo.BROKEN[check].__name__}-v0"
    return check_text_env(env_id, only=[check], raise_on_failure=False)[check].seen


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ("same_seed", "seed 0 in two fresh environments, moment 2, observation: "),
        ("flags", "step 4 of seed 0: terminated and truncated are both True"),
        ("info_json", "info, shape: [1, 2] instead of '(1, 2)'"),
        ("info_keys", "the info of reset(seed=0): no 'difficulty'"),
        ("reward_terms", "the reward is 0.125, its terms are {'patience': -0.125}"),
        ("gold_hidden", 'step 1: …"observation": "No. The wheel shows 636, 1486 in all. It is 918273645546372819.'),
        (
            "gold_blind",
            "It is even.' instead of 'Which number is behind door 0? The wheel shows 850, 850 in all. It",
        ),
        ("verifier_raises", "the verifier raised an exception: reward=-0.125, terminated=False, truncated=False"),
        ("hostile", "UnicodeEncodeError: 'utf-8' codec can't encode character '\\ud800'"),
        ("fresh_attributes", "StaleTask.task is what it was in the first episode; inside it has changed"),
        ("vector", "seed 0 in a TextVectorEnv, moment 1, info: 'luck' is missing"),
    ],
)
def test_what_was_seen_says_where(check: str, words: str) -> None:
    assert words in failed(check)


def test_an_exception_in_the_environment_is_told_with_its_place() -> None:
    assert 'conformance_zoo.py", line' in failed("hostile")
    assert "in judge" in failed("hostile")


class TellsWhatIsAsked(TextEnv):
    """Judges as if its hidden tests were public, so that the verdict quotes them."""

    def __init__(self) -> None:
        tests = [{"args": [3], "expected": 6, "public": True}, {"args": [4], "expected": 8}]
        reference = {"kind": "calls", "entry_point": "double", "tests": tests}
        solution = "```python\ndef double(x):\n    return 2 * x\n```"
        task = Task.create("Write double(x).", {"reference": reference, "solution": solution})
        super().__init__(ListTaskSet([task]), make_verifier("code@1"))

    def transition(self, action: str) -> Transition:
        tests = [{**test, "public": True} for test in self.task.reference["tests"]]
        return Transition(verdict=self.verifier.verify(str(action), {**self.task.reference, "tests": tests}))


def test_what_a_hidden_test_asks_is_a_secret_too() -> None:
    report = check_text_env(TellsWhatIsAsked, only=["gold_hidden"], raise_on_failure=False)
    assert "what hidden tests ask of the task at index 0 in step 1: " in report["gold_hidden"].seen


# --- The report -----------------------------------------------------------------------------------------------------


def test_all_failures_are_raised_together_with_what_to_do() -> None:
    env_id = "zoo/BothFlags-v0"
    with pytest.raises(CheckFailed) as raised:
        check_text_env(env_id, only=["flags", "same_seed"])
    lines = str(raised.value).splitlines()
    assert lines[0] == "<OrderEnforcing<BothFlags<zoo/BothFlags-v0>>> fails 1 check"
    assert lines[1:3] == ["flags", f"  expected: {checks()['flags']}"]
    assert lines[3] == "  seen: step 4 of seed 0: terminated and truncated are both True"
    assert lines[4].startswith("  do: terminated: the task is decided")
    assert raised.value.report.passed == ("same_seed",)
    assert isinstance(raised.value, AssertionError)
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


def test_the_report_is_json_and_a_table() -> None:
    report = check_text_env(
        "zoo/BothFlags-v0", only=["flags", "spec_json", "same_seed"], skip=["spec_json"], raise_on_failure=False
    )
    assert not report.ok
    data = json.loads(json.dumps(report.to_dict()))
    assert [(row["name"], row["status"]) for row in data["outcomes"]] == [
        ("same_seed", "passed"), ("flags", "failed"), ("spec_json", "skipped"),
    ]  # fmt: skip
    assert str(report).splitlines()[:4] == [
        "<OrderEnforcing<BothFlags<zoo/BothFlags-v0>>>: 1 passed, 1 failed, 1 skipped",
        "ok   same_seed",
        "FAIL flags",
        "skip spec_json",
    ]


def test_what_builds_on_a_failed_check_is_not_applicable_and_never_passed() -> None:
    only = ["same_seed", "fork", "fork_isolated", "gold_passes"]
    report = check_text_env("zoo/CountsTurns-v0", only=only, raise_on_failure=False)
    assert (report.failed, report.passed) == (("same_seed",), ("gold_passes",))
    assert report.not_applicable == ("fork", "fork_isolated")
    assert str(report["fork_isolated"]) == "n/a  fork_isolated: says nothing as long as same_seed fails"


def test_a_check_that_was_skipped_holds_nothing_up() -> None:
    report = check_text_env("zoo/Doors-v0", only=["same_seed", "fork"], skip=["same_seed"])
    assert report.passed == ("fork",)


# --- What can be checked --------------------------------------------------------------------------------------------

QUICK = ("same_seed", "fork", "pickling", "spec_json", "process", "gold_passes")


def passed_of(env: Any, **settings: Any) -> tuple[CheckReport, tuple[str, ...]]:
    report = check_text_env(env, only=QUICK, **settings)
    return report, report.passed


def test_an_environment_without_a_spec_is_copied() -> None:
    tasks = [Task.create(f"{i} + 1?", {"reference": i + 1, "solution": f"#### {i + 1}"}) for i in range(5)]
    env = TextEnv(ListTaskSet(tasks), make_verifier("number@1"))
    report, passed = passed_of(env)
    assert passed == ("same_seed", "fork", "pickling", "gold_passes")
    assert "needs an environment with a spec" in report["process"].seen


def test_a_function_that_makes_one_will_do_and_so_will_an_environment() -> None:
    def make() -> gym.Env[str, str]:
        return gym.make("rlvr_gym:rlvr/Arithmetic-v0", digits=3)

    assert passed_of(make)[0].ok
    assert passed_of(make())[1] == ("same_seed", "spec_json", "process", "fork", "pickling", "gold_passes")


def test_the_given_environment_is_left_as_it_is() -> None:
    env = gym.make("rlvr_gym:rlvr/Mastermind-v0")
    env.reset(seed=3)
    twin = pickle.loads(pickle.dumps(env))
    check_text_env(env, skip=["process"])
    answers = ["<answer>1122</answer>", "<answer>3344</answer>"]
    assert [env.step(answer) for answer in answers] == [twin.step(answer) for answer in answers]


class Echo(gym.Env[str, str]):
    """Somebody else's environment of texts: no task, no verifier, no info."""

    observation_space = action_space = UnicodeText()
    metadata = {"render_modes": []}  # noqa: RUF012

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        return f"Say {self.np_random.integers(1000)}", {}

    def step(self, action: str) -> Any:
        if not isinstance(action, str):
            raise TypeError("an action is a text")
        return "", 0.0, True, False, {}


def test_anybodys_environment_of_texts_is_checked_as_far_as_it_goes() -> None:
    report = check_text_env(Echo, raise_on_failure=False)
    assert set(report.failed) == {"info_keys", "closed_episode"}
    needs_ours = {"fork", "snapshot", "gold_passes", "gold_blind", "anchor_form", "verifier_raises", "recovers"}
    assert needs_ours <= set(report.not_applicable)
    assert {"same_seed", "seeds_matter", "stream", "no_interference", "flags", "info_json"} <= set(report.passed)
    assert "the innermost is a Echo" in report["fork"].seen


@pytest.mark.parametrize(
    ("env", "message"),
    [
        (lambda: gym.make("CartPole-v1"), "is no environment of texts: its actions are Discrete"),
        (lambda: 7, "the function made no Gymnasium environment but 7"),
        (7, "expected an environment, an id or a function that makes one, got 7"),
    ],
)
def test_anything_else_is_refused(env: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_text_env(env)


def test_arguments_are_checked() -> None:
    with pytest.raises(UnknownNameError, match="unknown check 'frok'; did you mean 'fork'"):
        check_text_env("zoo/Doors-v0", skip=["frok"])
    with pytest.raises(UnknownNameError):
        check_text_env("zoo/Doors-v0", only=["frok"])
    with pytest.raises(ConfigError, match="seeds must be an integer of at least 1, got 0"):
        check_text_env("zoo/Doors-v0", seeds=0)
    with pytest.raises(ConfigError, match="settings are keywords of an id"):
        check_text_env(gym.make("zoo/Doors-v0"), settings={"digits": 1})


def test_the_counts_bound_the_work() -> None:
    report = check_text_env("zoo/Doors-v0", seeds=1, tasks=1, turns=1, skip=["process"])
    assert report.passed == tuple(name for name in checks() if name != "process")


def tagged(env: gym.Env[Any, Any]) -> str:
    return f"<think>so</think><answer>{expert_answers(env)[0]}</answer>"


ARITHMETIC, MASTERMIND = "rlvr_gym:rlvr/Arithmetic-v0", "rlvr_gym:rlvr/Mastermind-v0"
WRAPPED: dict[str, tuple[Any, dict[str, Any]]] = {
    "tries again": (lambda: text_wrappers.UnaryFeedback(gym.make(ARITHMETIC)), {}),
    "history": (lambda: text_wrappers.HistoryText(gym.make(MASTERMIND)), {}),
    "history of tries": (lambda: text_wrappers.HistoryText(text_wrappers.UnaryFeedback(gym.make(ARITHMETIC))), {}),
    "turn limit": (lambda: text_wrappers.TurnLimit(gym.make(MASTERMIND), 3), {}),
    "format": (lambda: text_wrappers.FormatGate(gym.make(ARITHMETIC)), {"solve": tagged}),
    "statistics": (lambda: gym.wrappers.RecordEpisodeStatistics(gym.make(MASTERMIND)), {}),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_wrapped_environments_are_checked_as_a_whole(name: str) -> None:
    make, settings = WRAPPED[name]
    report = check_text_env(make(), skip=["process"], **settings)
    assert set(report.not_applicable) <= MAY_NOT_APPLY


def test_gymnasiums_time_limit_is_found_to_say_both_flags() -> None:
    """`gymnasium.wrappers.TimeLimit` sets `truncated` whatever `terminated` is; `TurnLimit` does not."""
    env = gym.wrappers.TimeLimit(gym.make(MASTERMIND), 3)
    report = check_text_env(env, only=["flags"], raise_on_failure=False)
    assert report["flags"].seen == "step 3 of seed 2: terminated and truncated are both True"


# --- The other process ----------------------------------------------------------------------------------------------


def test_a_process_that_fails_says_why() -> None:
    spec = gym.spec("zoo/Doors-v0").to_json().replace("conformance_zoo:Doors", "conformance_zoo:Windows")
    with pytest.raises(ProcessError, match="has no attribute 'Windows'"):
        played_elsewhere([{"spec": spec, "render_mode": None, "plays": []}])


def test_the_other_side_plays_what_it_is_given(tmp_path: Path) -> None:
    plays = [{"seed": 0, "actions": ["#### 1", "#### 2"]}]
    job = {"spec": gym.spec("zoo/Doors-v0").to_json(), "render_mode": "ansi", "plays": plays}
    (tmp_path / "jobs").write_text(json.dumps([job]))
    with (tmp_path / "jobs").open() as source, (tmp_path / "records").open("w") as sink:
        serve(source, sink)
    [[record]] = json.loads((tmp_path / "records").read_text())
    assert len(record) == 4  # reset, two steps, reset
    assert record[1]["reward"] == -0.125
    assert record[3]["render"].startswith("[user] Which number is behind door")


def test_an_entry_point_of_main_is_not_applicable() -> None:
    spec = gym.envs.registration.EnvSpec("zoo/Main-v0", entry_point="__main__:Main")
    subject = Subject(lambda: gym.make("zoo/Doors-v0"), spec, None, (0,), 1, 1, expert_answers)
    with pytest.raises(Exception, match="that another process can import, not '__main__:Main'"):
        job_of(subject)


# --- The page -------------------------------------------------------------------------------------------------------

PAGE = Path(__file__).resolve().parents[3] / "docs" / "check.md"


def test_the_page_has_every_check_and_its_examples_run() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert dict(rows) == checks()
    result = doctest.testfile(str(PAGE), module_relative=False)
    assert result.attempted == 4
    assert result.failed == 0
