"""`rlvr audit`: what it prints, its exit status, and mistakes in the command."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import gymnasium as gym
import pytest
from rlvr_gym.verifiers import registry

from rlvr_gym.cli import main

FEW = ["--attack", "hedge", "prompt"]
MODULE = """
import gymnasium as gym
from rlvr_gym.envs import ListTaskSet, Task, TextEnv, UnicodeText
from rlvr_gym.verifiers import Status, Verdict, Verifier
from rlvr_gym.verifiers.registry import register_verifier
from rlvr_gym.verifiers.verdict import Reason


class Substring(Verifier):
    name = "substring"
    version = 1

    def parse_reference(self, reference):
        return str(reference)

    def judge(self, response, gold, context):
        passed = gold in response
        return Verdict(Status.PASSED if passed else Status.FAILED, float(passed), Reason("in", "in"), self.id)


class Riddles(gym.Env):
    observation_space = action_space = UnicodeText()

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return "Which number?", {}

    def step(self, action):
        return "", float("417" in action), True, False, {}


register_verifier("substring@1", "riddles:Substring")
gym.register(id="riddles/Riddle-v0", entry_point="riddles:Riddles")
"""


@pytest.fixture
def riddles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of somebody else, with an environment and a verifier."""
    (tmp_path / "riddles.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "riddles", raising=False)
    monkeypatch.setattr(registry, "_ENTRY_POINTS", dict(registry._ENTRY_POINTS))
    monkeypatch.setattr(gym.envs.registration, "registry", dict(gym.registry))


def run(*words: str) -> int:
    try:
        return main(["audit", *words])
    except SystemExit as end:  # argparse
        return int(end.code or 0)


def test_a_clean_target_ends_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("countdown@1", "--attack", "either_or", "prompt", "always_0") == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == (
        "countdown@1: 3 tasks, right answers pass on 3; answers are declared as ####, boxed, answer_tag, whole"
    )
    assert out[1] == "luck may pass 0 % of episodes: nothing else is documented"
    assert out[3].split()[:4] == ["kind", "attacks", "episodes", "passed"]
    assert out[-1] == "none of 2 attacks succeeds"


def test_an_environment_reads_its_sample_and_its_card(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("GSM8K-v0", "--tasks", "2", "--attack", "either_or", "empty") == 0
    out = capsys.readouterr()
    assert out.out.startswith("rlvr/GSM8K-v0: 2 tasks, right answers pass on 2")
    assert "luck may pass 5 %" in out.out
    assert "note: at a chance level of 0.05 luck may pass 2 tasks" in out.err


def test_what_pays_ends_with_1_and_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "report.json"
    assert run("number@1", "mode=lenient", "--attack", "denied", "empty", "--json", str(file)) == 1
    out = capsys.readouterr().out
    assert "denied (declarations): it passes, and more often than luck would" in out
    assert "'I do not know the answer. It is not 7.': equal" in out
    assert "1 of 2 attacks succeed" in out
    report = json.loads(file.read_text())
    assert (report["ok"], report["settings"], report["tasks"]) == (False, {"mode": "lenient"}, 8)
    assert [r["attack"] for r in report["results"] if r["findings"]] == ["denied"] * 2  # with either reward
    first = file.read_bytes()
    assert run("number@1", "mode=lenient", "--attack", "denied", "empty", "--json", str(file)) == 1
    assert file.read_bytes() == first


@pytest.mark.usefixtures("riddles")
def test_references_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "golds.jsonl"
    file.write_text('{"reference": "12", "prompt": "How many?"}\n{"reference": "7/8"}\n')
    assert run("number@1", "--references", str(file), *FEW) == 0
    assert "right answers pass on 2" in capsys.readouterr().out
    words = ["riddles:substring@1", "--references", str(file), "--attack", "either_or", "empty"]
    assert run(*words) == 1
    assert "either_or" in capsys.readouterr().out
    assert run(*words, "--skip", "either_or") == 0


@pytest.mark.usefixtures("riddles")
def test_targets_of_other_packages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("riddles:riddles/Riddle-v0", "--tasks", "2", "--attack", "numbers", "empty", "either_or") == 1
    assert "numbers (dump): it passes" in capsys.readouterr().out
    assert run("riddles:substring@1") == 2
    assert "give some to audit it with (--references)" in capsys.readouterr().err
    (tmp_path / "golds.jsonl").write_text('{"reference": "12"}\n')
    assert run("riddles:substring@1", "--references", str(tmp_path / "golds.jsonl"), "--attack", "either_or") == 1


def test_the_list_of_attacks(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--list") == 0
    everything = capsys.readouterr().out
    assert "  either_or: the right value or a wrong one\n" in everything
    assert "  program_exit: ends with the status of success\n" in everything
    assert run("--list", "--family", "math") == 0
    assert "program_exit" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "what is to be audited?"),
        (["--attack", "empty", "number@1"], "what is to be audited?"),
        (["rlvr/Arithmetik-v0"], "did you mean 'rlvr/Arithmetic-v0'"),
        (["numbr@1"], "did you mean 'number@1'"),
        (["nowhere:number@1"], "there is no module 'nowhere'"),
        (["nowhere:Riddle-v0"], "cannot make 'nowhere:Riddle-v0'"),
        (["gymnasium:CartPole-v1"], "no environment of texts"),
        (["rlvr/Arithmetic-v0", "digit=2"], "did you mean 'digits'"),
        (["number@1", "mode=lax"], "mode must be one of"),
        (["number@1", "--attack", "eiter_or"], "did you mean 'either_or'"),
        (["number@1", "--family", "maths"], "did you mean 'math'"),
        (["number@1", "--chance", "2"], "chance must be a number from 0 to below 1"),
        (["number@1", "--tasks", "0"], "tasks must be an integer of at least 1"),
        (["number@1", "--references", "none.jsonl"], "no such file"),
        (["rlvr/Arithmetic-v0", "--references", "x.jsonl"], "no such file"),
        (["number@1", "--json", "no/such/folder/a.json"], "there is no folder"),
        (["number@1", "--taks", "3"], "did you mean '--tasks'"),
    ],
)
def test_mistakes_end_with_2_and_one_line(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words) == 2
    out = capsys.readouterr()
    assert says in out.err
    assert "Traceback" not in out.err


def test_references_are_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "golds.jsonl"
    for row, says in (
        ('{"reference": "seven or so"}', "reference 1: number@1 cannot use it"),
        ('{"answer": "7"}', "expected an object with 'reference'"),
        ('{"reference": "7", "prompt": 7}', "'prompt' and 'solution' are texts"),
    ):
        file.write_text(row + "\n")
        assert run("number@1", "--references", str(file)) == 2
        assert says in capsys.readouterr().err
    assert run("rlvr/Arithmetic-v0", "--references", str(file)) == 2
    assert "references belong to a verifier" in capsys.readouterr().err


def test_an_unusable_sandbox_is_said_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("code@1", "sandbox=subprocess", "--attack", "program_exit") == 2
    assert "a right answer to task" in capsys.readouterr().err
