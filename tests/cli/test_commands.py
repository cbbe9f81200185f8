"""The commands as a user types them: output, exit status, files."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import pytest
from rlvr_gym.verifiers import verifier_names

from rlvr_gym import env_ids
from rlvr_gym.cli import main
from rlvr_gym.cli.parser import build_parser


def test_list_names_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in [*env_ids(), *verifier_names(), "grpo", "digits=2", "hub_revision=None"])


@pytest.mark.parametrize("command", sorted(build_parser()[1]))
def test_help_teaches(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert "usage: rlvr" in capsys.readouterr().out


def test_module_form_and_version() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rlvr_gym", "--version"], capture_output=True, text=True, check=True, cwd="/"
    )
    assert done.stdout.startswith("rlvr-gym 0.")


def test_verify_one_response(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "number@1", "--response", "#### 7", "--reference", "7"]) == 0
    assert "passed: equal as exact numbers (equal)" in capsys.readouterr().out
    assert main(["verify", "number@1", "--response", "#### 8", "--reference", "7", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["reason"]["code"] == "different"


def test_verify_takes_settings_and_object_references(capsys: pytest.CaptureFixture[str]) -> None:
    reference = '{"numbers": [3, 5, 7], "target": 22}'
    assert main(["verify", "countdown@1", "--response", "<answer>3*5+7</answer>", "--reference", reference]) == 0
    assert "numbers: pass" in capsys.readouterr().out
    assert main(["verify", "number@1", 'markers=["boxed"]', "--response", "#### 7", "--reference", "7"]) == 1


def test_verify_explains_what_was_read_and_what_decided(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["verify", "math@1", "--response", r"so \boxed{2\sin x\cos x}", "--reference", r"\sin 2x", "--explain"]
    assert main(words) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["reference"] == "expression: sin(2*x)"
    assert lines["answer"] == "expression: 2*sin(x)*cos(x)"
    assert lines["intervals"].startswith("decided: ")
    assert lines["verdict"] == "passed: equal to the reference (equal)"
    assert main([*words, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["status"], data["steps"][-1]["name"]) == ("passed", "verdict")


@pytest.mark.parametrize("verifier", ["number@1", "all_of@1"])
def test_every_verifier_explains_at_least_its_verdict(verifier: str, capsys: pytest.CaptureFixture[str]) -> None:
    settings = ['children=["number@1"]'] if verifier == "all_of@1" else []
    assert main(["verify", verifier, *settings, "--response", "#### 7", "--reference", "7", "--explain"]) == 0
    assert "verdict" in capsys.readouterr().out


def test_verify_looks_at_the_question(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = ["verify", "math@1", "--response", r"\boxed{2+2}", "--reference", "4"]
    assert main(one) == 0
    assert main([*one, "--prompt", "Compute $2+2$."]) == 1
    assert "(echo)" in capsys.readouterr().out
    row = {"response": r"\boxed{2+2}", "reference": "4", "question": "Compute $2+2$."}
    source = tmp_path / "rows.jsonl"
    source.write_text(json.dumps(row) + "\n")
    assert main(["verify", "math@1", "--in", str(source), "--prompt-column", "question"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"]["reason"]["code"] == "echo"


def test_an_interval_is_not_read_as_a_json_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "math@1", "--response", r"\boxed{[1, 2]}", "--reference", "[1,2]"]) == 0
    assert main(["verify", "math@1", "--response", r"\boxed{\{2,1\}}", "--reference", r"{1,2}"]) == 0


def test_verify_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"id": 1, "response": "#### 7", "gold": "7"}, {"id": 2, "response": "#### 8", "gold": 7}]
    source, sink = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("\n".join(json.dumps(row) for row in rows))
    assert main(["verify", "number@1", "--in", str(source), "--reference-column", "gold", "--out", str(sink)]) == 0
    verdicts = [json.loads(line) for line in sink.read_text().splitlines()]
    assert [(row["id"], row["verdict"]["passed"]) for row in verdicts] == [(1, True), (2, False)]
    assert "2 judged, 1 passed, 0 ungradable" in capsys.readouterr().err


def test_verify_a_file_with_an_unusable_gold_says_no(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text(json.dumps({"response": "#### 7", "reference": "seven or eight"}))
    assert main(["verify", "number@1", "--in", str(source)]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["verdict"]["status"] == "reference_error"
    assert "1 ungradable" in captured.err


def test_a_fenced_block_is_one_answer(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    answer = "```python\ndef f(x):\n\n    return None\n```\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    assert main(["play", "rlvr/ListFunctions-v0"]) == 0
    out = capsys.readouterr().out
    assert "0 of 1 right" in out
    assert "failed" in out
    monkeypatch.setattr("sys.stdin", io.StringIO("```python\nleft open"))
    assert main(["play", "rlvr/ListFunctions-v0"]) == 0
    assert "malformed" in capsys.readouterr().out


def test_play_with_answers_from_a_pipe(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("54\nnonsense\n"))
    assert main(["play", "rlvr/Arithmetic-v0", "style=compact"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("14+40=\npassed:")
    assert "malformed:" in out or "no_answer:" in out
    assert out.endswith("1 of 2 right\n")


def test_a_person_need_not_type_tags(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    moves = {
        "rlvr/Mastermind-v0": "1122\n",
        "rlvr/ToolSearch-v0": "<call>?</call>\n",
        "rlvr/Arithmetic-v0": "#### 54\n",
    }
    said = {}
    for env_id, typed in moves.items():
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        assert main(["play", env_id, "--episodes", "1"]) == 0
        said[env_id] = capsys.readouterr().out
    assert "in place" in said["rlvr/Mastermind-v0"]
    assert "differs" not in said["rlvr/ToolSearch-v0"]  # what may be a call is left alone
    assert "passed: " in said["rlvr/Arithmetic-v0"]


def test_bench_grows_and_compares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["bench", "Arithmetic-v0", "--tasks", "20", "--policy"]
    assert main([*common, "scripted:0.2", "--n", "4", "--out", str(tmp_path / "a"), "style=compact"]) == 0
    assert main([*common, "scripted:0.2", "--n", "8", "--out", str(tmp_path / "a"), "style=compact"]) == 0
    assert main([*common, "scripted:0.8", "--n", "8", "--out", str(tmp_path / "b"), "style=compact"]) == 0
    capsys.readouterr()
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "b"), "--out", str(tmp_path / "c")]) == 0
    out = capsys.readouterr().out
    assert "b is above" in out
    for name in ("report.html", "compare.json", "compare.csv", "curve.png"):
        assert (tmp_path / "c" / name).is_file()
    assert main(["rescore", str(tmp_path / "a"), "--out", str(tmp_path / "again")]) == 0


def test_bench_refuses_k_above_n(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "bench",
        "rlvr/Arithmetic-v0",
        "--policy",
        "scripted:1",
        "--n",
        "4",
        "-k",
        "8",
        "--out",
        str(tmp_path / "x"),
    ]
    assert main(words) == 2
    assert "an unbiased estimate needs n >= k" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_train_bench_and_resume_with_a_tiny_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch", reason="training needs the extra 'agents'")
    run = tmp_path / "train"
    text = (
        "train rlvr/Arithmetic-v0 digits=1 style=compact split=train --eval split=test --eval-every 2 "
        "--model preset:nano --alphabet 0123456789+= --warm-start 0.05 --set kl_coef=0 group_size=4 "
        "--steps 2 --prompts 4 --max-new-tokens 3"
    )
    words = [*text.split(), "--out", str(run)]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "parameters, vocabulary 15" in out
    assert "steps of imitation" in out
    assert "eval_pass_rate" in out
    assert main([*words, "--lr", "0.5"]) == 2
    assert "holds a run with other settings" in capsys.readouterr().err
    bench = ["bench", "rlvr/Arithmetic-v0", "digits=1", "style=compact", "split=test", "--n", "2", "--tasks", "5",
             "--max-new-tokens", "3", "--policy", f"model:{run / 'model'}", "--out", str(tmp_path / "b")]  # fmt: skip
    assert main(bench) == 0
    # The same folder after more training is another policy: its samples must not be mixed with these.
    more = [*words]
    more[more.index("--steps") + 1] = "3"
    assert main(more) == 0
    capsys.readouterr()
    assert main(bench) == 2
    assert "holds another run" in capsys.readouterr().err


def test_training_may_be_in_a_wrapper() -> None:
    from rlvr_gym.envs.wrappers import Hint, UnaryFeedback
    from rlvr_gym.verifiers import UnknownNameError

    from rlvr_gym.cli.specs import env_factory
    from rlvr_gym.cli.train import WRAPPERS, _wrapped

    make = env_factory("rlvr/Countdown-v0", {})
    assert _wrapped(None, make) is make
    assert {name: type(_wrapped(name, make)()) for name in WRAPPERS} == {"hint": Hint, "unary": UnaryFeedback}
    with pytest.raises(UnknownNameError, match="did you mean 'hint'"):
        _wrapped("hnit", make)


def test_the_wrapper_of_ufo_pays_as_its_paper_does() -> None:
    """Half of the reward for each wrong attempt, and half of the share of repeated answers: 1/4 - 1/2 * (1 - 2/3)."""
    from rlvr_gym.cli.train import WRAPPERS

    env = WRAPPERS["unary"](gym.make("rlvr_gym:rlvr/Arithmetic-v0"))
    env.reset(seed=0)
    paid = [env.step(response)[1] for response in ("#### 1", "#### 1", "#### 54")]
    assert paid == [0.0, 0.0, pytest.approx(1 / 4 - 1 / 6)]
