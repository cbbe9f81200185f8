"""References of public collections: equal to themselves in every spelling, different once their value is changed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rlvr_gym.verifiers import make_verifier
from rlvr_gym.verifiers.math.answer import read
from rlvr_gym.verifiers.math.compare import type_of

VERIFIER = make_verifier("math@1")
NUMERAL = re.compile(r"-?\d+(\.\d+)?")
NUMBERS = {"integer", "rational", "decimal", "real", "complex", "expression"}

Rewrite = Callable[[str], str]


def golds(data: Path, name: str) -> list[str]:
    """The distinct references of one collection."""
    rows: list[str] = []
    if name == "math500":
        rows = [row["expected_answer"] for row in json_lines(data / "math500" / "test.jsonl")]
    elif name == "gsm8k":
        rows = [row["answer"].rpartition("####")[2].strip() for row in json_lines(data / "gsm8k" / "test.jsonl")]
    elif name == "math_pairs":
        path = data / "math_pairs" / "pairs.jsonl"
        if not path.exists():
            pytest.skip(f"no labelled pairs at {path}")
        rows = [row["gold"] for row in json_lines(path)]
    elif name == "recorded":
        rows = [row["answer"] for row in json_lines(data / "recorded" / "math_100x8.jsonl")]
    return list(dict.fromkeys(rows))


def json_lines(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def passes(answer: str, gold: str) -> bool:
    return VERIFIER.verify(rf"so \boxed{{{answer}}}", gold).passed


# --- Spellings -----------------------------------------------------------------------------------------------------


def spaced(gold: str) -> str:
    """Spaces around operators, not inside a number that is grouped by commas."""
    return re.sub(r"(?<![\d{])([=+])|(,)(?!\d{3}(?!\d))(?![!\\}])", lambda m: f" {m[0]} ", gold)


def display(gold: str) -> str:
    return re.sub(r"\\[dt]?frac(?![a-zA-Z])", lambda _: r"\dfrac", gold)


def small(gold: str) -> str:
    return re.sub(r"\\[dt]?frac(?![a-zA-Z])", lambda _: r"\tfrac", gold)


def sized(gold: str) -> str:
    if r"\left" in gold or r"\text" in gold or gold.count("(") != gold.count(")"):
        return gold
    return gold.replace("(", r"\left(").replace(")", r"\right)")


def in_dollars(gold: str) -> str:
    return f"${gold}$."


def grouped(gold: str) -> str:
    return f"{int(gold):,}" if re.fullmatch(r"-?\d{4,}", gold) else gold


def grouped_in_latex(gold: str) -> str:
    return grouped(gold).replace(",", "{,}") if re.fullmatch(r"-?\d{4,}", gold) else gold


def with_unit(gold: str) -> str:
    return gold + r"\text{ cm}" if NUMERAL.fullmatch(gold) else gold


SPELLINGS: list[Rewrite] = [str, spaced, display, small, sized, in_dollars, grouped, grouped_in_latex, with_unit]
COLLECTIONS = ("math500", "gsm8k", "math_pairs", "recorded")


@pytest.mark.parametrize("name", COLLECTIONS)
@pytest.mark.parametrize("spelling", SPELLINGS, ids=lambda f: f.__name__)
def test_every_reference_passes_itself_in_every_spelling(name: str, spelling: Rewrite, data_dir: Path) -> None:
    found = golds(data_dir, name)
    assert len(found) >= 70
    assert [(gold, spelling(gold)) for gold in found if not passes(spelling(gold), gold)] == []


@pytest.mark.parametrize("spelling", SPELLINGS, ids=lambda f: f.__name__)
def test_every_reference_passes_itself_beside_its_question(spelling: Rewrite, data_dir: Path) -> None:
    rows = [(row["problem"], row["expected_answer"]) for row in json_lines(data_dir / "math500" / "test.jsonl")]
    assert len(rows) == 500
    answers = [(rf"so \boxed{{{spelling(gold)}}}", gold, {"prompt": problem}) for problem, gold in rows]
    assert [answer for answer in answers if not VERIFIER.verify(*answer[:2], context=answer[2]).passed] == []


# --- Values --------------------------------------------------------------------------------------------------------


def last_digit(gold: str, step: int) -> str | None:
    """The last digit one higher or lower; None where there is none, or where it only names something."""
    at = max((i for i, char in enumerate(gold) if char.isdigit()), default=-1)
    if at < 0 or re.search(r"_\{?\d*$", gold[:at]) or re.search(r"\\begin|cdots|ldots|\\text", gold):
        return None
    return f"{gold[:at]}{(int(gold[at]) + step) % 10}{gold[at + 1 :]}"


def up(gold: str) -> str | None:
    return last_digit(gold, 1)


def down(gold: str) -> str | None:
    return last_digit(gold, -1)


def sign(gold: str) -> str | None:
    reading = read(gold)
    if type_of(reading) not in NUMBERS or reading.node.value == 0:
        return None
    return gold[1:] if NUMERAL.fullmatch(gold) and gold[0] == "-" else f"-({gold})"


def exponent(gold: str) -> str | None:
    match = re.search(r"\^\{?(\d+)\}?", gold)
    if match is None or gold[match.start() - 1] == "1":
        return None
    return f"{gold[: match.start()]}^{{{int(match[1]) + 1}}}{gold[match.end() :]}"


def bracket(gold: str) -> str | None:
    if type_of(read(gold)) not in ("interval", "tuple", "union"):
        return None
    at = min(i for i, char in enumerate(gold) if char in "([")
    return gold[:at] + "[("[gold[at] == "["] + gold[at + 1 :]


def dropped(gold: str) -> str | None:
    if type_of(read(gold)) not in ("list", "tuple") or read(gold).grouped or "\\ldots" in gold:
        return None
    depth, at = 0, -1
    for i, char in enumerate(gold):
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(char, 0)
        if char == "," and depth == (0 if type_of(read(gold)) == "list" else 1):
            at = i
    if at < 0:
        return None
    return gold[:at] if type_of(read(gold)) == "list" else gold[:at] + gold[-1]


MUTATIONS: list[Callable[[str], str | None]] = [up, down, sign, exponent, bracket, dropped]


@pytest.mark.parametrize("name", COLLECTIONS)
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda f: f.__name__)
def test_no_changed_value_passes(name: str, mutation: Callable[[str], str | None], data_dir: Path) -> None:
    changed = [(gold, mutation(gold)) for gold in golds(data_dir, name)]
    accepted = [(gold, other) for gold, other in changed if other is not None and passes(other, gold)]
    assert accepted == []


def test_the_mutations_apply(data_dir: Path) -> None:
    found = golds(data_dir, "math500")
    counts = {mutation.__name__: sum(mutation(gold) is not None for gold in found) for mutation in MUTATIONS}
    assert counts["up"] >= 250
    assert counts["sign"] >= 200
    assert min(counts.values()) >= 5, counts
