"""`rlvr check` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rlvr_gym.envs.check import checks

from rlvr_gym.cli import main

ZOO = str(Path(__file__).resolve().parents[1] / "envs" / "check")


def test_marks_for_every_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "report.json"
    assert main(["check", "Countdown-v0", "numbers=3", "--skip", "process", "--json", str(report)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("<OrderEnforcing<CountdownEnv<rlvr/Countdown-v0>>>: ")
    assert lines[0].endswith(" passed, 2 not applicable, 1 skipped")
    marks = dict(line.split(maxsplit=1)[::-1] for line in lines[1:-1] if ":" not in line)
    assert marks["same_seed"] == "ok"
    assert marks["process"] == "skip"
    assert "n/a  gold_hidden: the verifier accepts no gold with a secret in it" in lines
    assert lines[-1] == f"wrote {report}"
    data = json.loads(report.read_text())
    assert data["ok"] is True
    assert [outcome["name"] for outcome in data["outcomes"]] == list(checks())


def test_a_failure_says_what_to_do_and_is_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(ZOO)
    words = ["check", "conformance_zoo:zoo/BothFlags-v0", "--only", "flags", "same_seed"]
    assert main(words) == 1
    out = capsys.readouterr().out
    assert "1 passed, 1 failed" in out
    assert "  seen: step 4 of seed 0: terminated and truncated are both True" in out
    assert "  do: terminated: the task is decided;" in out
    assert main([*words, "--skip", "flags"]) == 0


def test_the_table_can_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--list"]) == 0
    assert [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()] == [
        [name, sentence] for name, sentence in checks().items()
    ]


def test_environments_made_of_environments_are_checked_too(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["check", "Curriculum-v0", "env=rlvr/Arithmetic-v0", 'levels=[{"digits": 1}, {"digits": 2}]']
    assert main([*words, "--only", "same_seed", "empty_turns"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["ok   same_seed", "ok   empty_turns"]


def test_a_sample_is_read_where_no_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "GSM8K-v0", "--only", "gold_passes", "--tasks", "20"]) == 0
    captured = capsys.readouterr()
    assert "ok   gold_passes" in captured.out
    assert "a small sample that comes along is read" in captured.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "which environment is to be checked?"),
        ("Arithmetik-v0", "did you mean 'rlvr/Arithmetic-v0'"),
        ("Arithmetic-v0 dgits=3", "did you mean 'digits'?"),
        ("Arithmetic-v0 --only frok", "unknown check 'frok'; did you mean 'fork'"),
        ("Arithmetic-v0 --seeds 0", "seeds must be an integer of at least 1, got 0"),
        ("Arithmetic-v0 --json no/where.json", "cannot write no/where.json: there is no folder"),
        ("gymnasium:CartPole-v1", "is no environment of texts"),
        ("GSM8K-v0 path=missing.jsonl", "no such file: 'missing.jsonl'"),
    ],
)
def test_mistakes_are_status_2(words: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", *words.split()]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") <= 2
