"""What the README prints is what happens: its commands and its Python blocks are run and compared line by line."""

from __future__ import annotations

import itertools
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from rlvr_gym.cli import main

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```\n", TEXT, flags=re.DOTALL)


def console_commands() -> list[tuple[str, str]]:
    """Each `$ command` of the console blocks with the output that follows it; empty where the README shows none."""
    found = []
    for language, body in BLOCKS:
        if language == "console":
            for part in body.split("$ ")[1:]:
                command, _, output = part.partition("\n")
                found.append((command, output))
    return found


def python_blocks() -> list[tuple[str, str]]:
    """Each Python block with the plain block that follows it."""
    pairs = itertools.pairwise(BLOCKS)
    return [(code, output) for (language, code), (after, output) in pairs if (language, after) == ("python", "")]


def test_commands_print_what_the_readme_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    commands = console_commands()
    assert len(commands) >= 4
    for command, expected in commands:
        words = shlex.split(command)
        assert words[0] == "rlvr"
        assert main(words[1:]) == 0, command
        printed = capsys.readouterr().out
        if expected:
            assert printed == expected, command
    for name in ("config.json", "samples.jsonl", "summary.json", "curve.csv", "curve.png", "report.html"):
        assert (tmp_path / "runs" / "broad" / name).is_file(), name


@pytest.mark.parametrize(("code", "output"), python_blocks(), ids=range(len(python_blocks())))
def test_python_blocks_print_what_the_readme_says(tmp_path: Path, code: str, output: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == output


def test_there_are_python_blocks() -> None:
    assert len(python_blocks()) == 4


def test_the_ten_line_example_is_the_readme_s(root: Path) -> None:
    example = (root / "examples" / "loop.py").read_text()
    assert python_blocks()[0][0].strip() in example


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_the_table_names_every_environment() -> None:
    from rlvr_gym import env_ids
    from rlvr_gym.registration import COMPOSITES, OF_TOKENS

    assert all(f"`{env_id}`" in TEXT for env_id in [*env_ids(), *COMPOSITES, *OF_TOKENS])
