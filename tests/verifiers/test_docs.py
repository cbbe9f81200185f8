"""Every example in the tables of docs/verifiers is run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest
from rlvr_gym.verifiers import Status, make_verifier, verifier_names

DOCS = Path(__file__).resolve().parents[2] / "docs" / "verifiers"
ROW = re.compile(r"\| `(.*)` \| `(.*)` \| (\w+) \| (\w+) \|")
ROOMS = {"a": {"east": "b"}, "b": {"east": "c", "west": "a"}, "c": {"west": "b"}}
# How the column `reference` is read where it is not JSON.
REFERENCES = {
    "answer": str,
    "math": str,
    "number": str,
    "countdown": lambda text: {"numbers": [3, 5, 7], "target": int(text)},
    "walk": lambda text: {
        "moves": {"a": {"east": "b"}, "b": {"east": "c", "west": "a"}, "c": {"west": "b"}},
        "start": "a",
        "goal": text,
    },
    "calls": lambda text: {"calls": [{"name": "book", "arguments": json.loads(text)}]},
    "mastermind": lambda text: {"code": text, "symbols": 6},
}


class Example(NamedTuple):
    """One row of a table: what goes in and what comes out."""

    page: str
    response: str
    reference: str
    status: str
    reason: str


def examples(page: str) -> list[Example]:
    """The rows of every table whose header is `response | reference | status | reason`."""
    found, inside = [], False
    for line in (DOCS / f"{page}.md").read_text(encoding="utf-8").splitlines():
        if line == "| response | reference | status | reason |":
            inside = True
        elif inside and line.startswith("| "):
            match = ROW.fullmatch(line)
            assert match is not None, f"{page}.md: not a row of an example table: {line}"
            response, reference, status, reason = match.groups()
            found.append(Example(page, response.replace("⏎", "\n"), reference, status, reason))
        elif not line.startswith("|"):
            inside = False
    return found


PAGES = [file.stem for file in sorted(DOCS.glob("*.md")) if file.stem != "state" and examples(file.stem)]
EXAMPLES = [example for page in PAGES for example in examples(page)]


@pytest.mark.parametrize("page", PAGES)
def test_every_example_is_true(page: str) -> None:
    verifier = make_verifier(f"{page}@1")
    wrong = {}
    for example in examples(page):
        verdict = verifier.verify(example.response, REFERENCES.get(page, json.loads)(example.reference))
        if (verdict.status.value, verdict.reason.code) != (example.status, example.reason):
            wrong[example] = verdict
    assert wrong == {}


def test_the_tables_were_found() -> None:
    pages = [example.page for example in EXAMPLES]
    assert pages.count("number") >= 50
    assert pages.count("math") >= 35
    assert pages.count("countdown") >= 15


def test_the_overview_names_every_verifier_and_every_status() -> None:
    text = (DOCS / "README.md").read_text(encoding="utf-8")
    assert [name for name in verifier_names() if f"`{name}`" not in text] == []
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| (yes|no) \|$", text, re.MULTILINE))
    assert rows == {status.value: "yes" if status.gradable else "no" for status in Status}
