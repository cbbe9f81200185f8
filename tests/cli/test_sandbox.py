"""`rlvr sandbox`: one program, what works here, the service as a process."""

from __future__ import annotations

import io
import json
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from rlvr_gym.verifiers.sandbox import LAYERS, languages_here, sandbox_names

from rlvr_gym.cli import main


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    files = {
        "good.py": "print(input()[::-1])",
        "bad.py": "import sys; sys.stderr.write('oh\\x1b[31m no'); sys.exit(3)",
        "loop.py": "print('x' * 1000)\nwhile True: print('x' * 1000)",
        "odd.js": "console.log(6 * 7)",
        "broken.c": "int main( {",
        "text": "print(5)",
        "in.txt": "abc\n",
        "empty": "",
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    (tmp_path / "latin.py").write_bytes(b"print('\xe9')")
    return tmp_path


def test_a_program_is_run_and_the_layers_are_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main("sandbox run good.py --stdin in.txt".split()) == 0
    out = capsys.readouterr().out
    assert out.startswith("stdout:\n  cba\nexit status 0, ")
    assert re.search(r"^isolation: \w+, by forkserver$", out, re.MULTILINE)
    assert LAYERS["clean_env"] in out


def test_a_program_that_fails_is_status_1_and_cannot_write_to_the_terminal(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main("sandbox run bad.py".split()) == 1
    out = capsys.readouterr().out
    assert "stderr:\n  oh\\x1b[31m no\nexit status 3, " in out
    assert "stdout:" not in out


def test_a_limit_and_a_compiler_are_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main("sandbox run loop.py".split()) == 1
    assert "ended by the limit on output" in capsys.readouterr().out
    assert main("sandbox run broken.c".split()) == 1
    assert "not compiled: exit status 1" in capsys.readouterr().out


def test_json_is_what_the_service_would_answer(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main("sandbox run odd.js --json".split()) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["status"], data["run_result"]["stdout"]) == ("Success", "42\n")
    assert data["isolation"]["layers"]


def test_the_language_can_be_named_and_stdin_be_ours(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main("sandbox run text --language python".split()) == 0
    assert capsys.readouterr().out.startswith("stdout:\n  5\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"xyz")))
    assert main("sandbox run good.py --stdin -".split()) == 0
    assert capsys.readouterr().out.startswith("stdout:\n  zyx\n")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("run none.py", "No such file"),
        ("run good.py --stdin none", "No such file"),
        ("run text", "Name it with --language"),
        ("run latin.py", "no UTF-8 text"),
        ("run good.py --language pyhton", "did you mean 'python'"),
        ("run good.py --backend forksever", "did you mean 'forkserver'"),
        ("run good.py colour=red", "colour"),
        ("run good.py --backend remote url=nowhere", "url must be like"),
        ("run good.py --backend remote url=http://127.0.0.1:1 retries=0", "Connection refused"),
        ("run good.py min_isolation=hardened", "'hardened' is asked for"),
        ("serve --min-isolation hardened --port 0", "not more"),
        ("serve --port 99999", "port must be an integer from 0 to 65535"),
        ("serve --workers 0", "workers must be"),
        ("serve --token-file none", "No such file"),
        ("serve --token-file empty", "empty is empty"),
        ("serve --token-file latin.py", "latin.py is no text"),
        ("serve --max-wall-s 0", "wall_s must be a positive number"),
        ("serve --host 192.0.2.1 --port 0 --token-file in.txt", "annot assign"),
    ],
)
def test_a_mistake_is_one_line(command: str, said: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sandbox", *command.split()]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("rlvr sandbox: ")
    assert said in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "said"), [("srve", "invalid choice"), ("serve --prot 1", "did you mean '--port'"), ("", "ACTION")]
)
def test_a_mistyped_word_is_told(command: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["sandbox", *command.split()])
    assert said in capsys.readouterr().err


def test_the_doctor_names_every_back_end_layer_and_language(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sandbox", "doctor"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].split() == sandbox_names()
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line}
    assert set(LAYERS) <= set(rows)
    assert rows["works"][1 + sandbox_names().index("forkserver")] == "yes"
    assert "remote does not work here: http://127.0.0.1:8080" in out or "yes" in rows["works"]
    assert f"languages on this machine: {', '.join(languages_here())}" in out


def test_the_service_as_a_process(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("swordfish\n")
    words = "--port 0 --workers 1 --queue 3 --max-wall-s 7 --max-memory-mib 700 --token-file token min_isolation=limits"
    command = [sys.executable, "-m", "rlvr_gym", "sandbox", "serve", *words.split()]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(
            r"serving forkserver on (http://127\.0\.0\.1:\d+) \(isolation \w+, 1 workers, queue of 3\)\n", line
        )
        assert found is not None, line
        assert _get(f"{found[1]}/v1/ping") == "pong"
        health = _get(f"{found[1]}/health")
        assert (health["workers"], health["queue"]) == (1, 3)
        assert (health["limits"]["wall_s"], health["limits"]["memory_bytes"]) == (7.0, 700 * 2**20)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.communicate()[1] == ""
    finally:
        process.kill()
        process.communicate()


def _get(url: str) -> Any:
    request = urllib.request.Request(url, headers={"Authorization": "Bearer swordfish"})
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)
