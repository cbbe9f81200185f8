"""What every registered verifier must hold to; a new one needs a fixture file and no line here.

A fixture is `fixtures/<name>.json`: `{"cases": [{"config", "reference", "passes": [...], "fails": [...],
"attacks": {id: response}, "bad_references": [...]}]}`.
"""

from __future__ import annotations

import asyncio
import copy
import json
import os
import pickle
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers import Item, Status, Verdict, Verifier, make_verifier, verifier_names

examples = settings(max_examples=60, deadline=None, derandomize=True)


FIXTURES = Path(__file__).parent / "fixtures"
MILLION = 1_000_000


class Case(NamedTuple):
    """One configuration of one verifier, with responses of known outcome."""

    name: str
    config: dict[str, Any]
    reference: Any
    passes: list[str]
    fails: list[str]
    attacks: dict[str, str]
    bad_references: list[Any]

    @property
    def verifier(self) -> Verifier:
        return make_verifier(self.name, **self.config)

    @property
    def responses(self) -> list[str]:
        return [*self.passes, *self.fails, *self.attacks.values()]


def cases(name: str) -> list[Case]:
    path = FIXTURES / f"{name}.json"
    if not path.exists():
        return []
    return [Case(name, **case) for case in json.loads(path.read_text(encoding="utf-8"))["cases"]]


CASES = [case for name in verifier_names() for case in cases(name)]
IDS = [f"{case.name}-{i}" for i, case in enumerate(CASES)]
every_case = pytest.mark.parametrize("case", CASES, ids=IDS)


@pytest.mark.parametrize("name", verifier_names())
def test_every_verifier_has_a_fixture(name: str) -> None:
    found = cases(name)
    assert found, f"write {FIXTURES.name}/{name}.json; see the first lines of this file"
    assert all(case.passes and case.fails and case.attacks and case.bad_references for case in found)


def test_every_fixture_has_a_verifier() -> None:
    assert {path.stem for path in FIXTURES.glob("*.json")} <= set(verifier_names())


@every_case
def test_right_responses_pass(case: Case) -> None:
    verdicts = [case.verifier.verify(response, case.reference) for response in case.passes]
    assert [(v.status.value, v.score) for v in verdicts] == [("passed", 1.0)] * len(case.passes)


@every_case
def test_wrong_responses_and_attacks_are_gradable_and_do_not_pass(case: Case) -> None:
    for response in [*case.fails, *case.attacks.values()]:
        verdict = case.verifier.verify(response, case.reference)
        assert verdict.gradable, response
        assert not verdict.passed, response
        assert verdict.score < 1.0, response


@every_case
def test_no_answer_at_all_scores_nothing(case: Case) -> None:
    for response in ("", " ", "\n", "\x00", "\ud800", "<think>"):
        verdict = case.verifier.verify(response, case.reference)
        assert (verdict.passed, verdict.score, verdict.gradable) == (False, 0.0, True)


@every_case
def test_a_reference_that_cannot_be_used_is_ungradable(case: Case) -> None:
    bad = [*case.bad_references, None, True, float("nan"), float("inf"), [], {}, object(), [10**5000], b"7", ""]
    for reference in bad:
        assert not case.verifier.check_reference(reference).ok, reference
        for response in (*case.passes, "", "7"):
            verdict = case.verifier.verify(response, reference)
            assert verdict.status is Status.REFERENCE_ERROR, reference
            assert not verdict.gradable


@every_case
def test_the_reference_of_the_case_can_be_used(case: Case) -> None:
    assert case.verifier.check_reference(case.reference).ok


@every_case
def test_the_configuration_travels_as_json(case: Case) -> None:
    verifier = case.verifier
    twin = make_verifier(verifier.key, **json.loads(json.dumps(verifier.config())))
    assert verifier.key == case.name
    assert (twin, twin.id, hash(twin), repr(twin)) == (verifier, verifier.id, hash(verifier), repr(verifier))


@every_case
def test_lists_and_tuples_are_one_configuration(case: Case) -> None:
    verifier = case.verifier
    frozen = {key: tuple(value) if isinstance(value, list) else value for key, value in verifier.config().items()}
    twin = make_verifier(verifier.key, **frozen)
    assert (twin, twin.id, hash(twin)) == (verifier, verifier.id, hash(verifier))


@every_case
def test_copies_judge_alike(case: Case) -> None:
    verifier = case.verifier
    twins = [pickle.loads(pickle.dumps(verifier)), copy.copy(verifier), copy.deepcopy(verifier)]
    for twin in twins:
        assert (twin, twin.id, hash(twin)) == (verifier, verifier.id, hash(verifier))
        for response in case.responses:
            assert twin.verify(response, case.reference) == verifier.verify(response, case.reference)


@every_case
def test_verdicts_survive_json_and_pickle(case: Case) -> None:
    for response in case.responses:
        verdict = case.verifier.verify(response, case.reference)
        assert Verdict.from_dict(json.loads(json.dumps(verdict.to_dict()))) == verdict
        assert pickle.loads(pickle.dumps(verdict)) == verdict


@every_case
def test_all_ways_to_call_agree(case: Case) -> None:
    verifier = case.verifier
    expected = [verifier.verify(response, case.reference) for response in case.responses]
    assert verifier.verify_batch([(response, case.reference) for response in case.responses]) == expected
    assert verifier.verify_batch(Item(response, case.reference, {}) for response in case.responses) == expected
    assert [asyncio.run(verifier.averify(r, case.reference)) for r in case.responses[:2]] == expected[:2]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda r: verifier.verify(r, case.reference), case.responses * 20)) == expected * 20


@every_case
def test_a_response_that_is_no_text_is_a_mistake_of_the_caller(case: Case) -> None:
    for response in (None, b"7", 7, ["7"]):
        with pytest.raises(TypeError, match="response must be a str"):
            case.verifier.verify(response, case.reference)  # type: ignore[arg-type]


@every_case
def test_a_verifier_cannot_be_changed(case: Case) -> None:
    verifier = case.verifier
    for field in verifier.config():
        with pytest.raises(AttributeError):
            setattr(verifier, field, ())


@every_case
@examples
@given(response=st.text(st.characters(exclude_categories=()), max_size=80))
def test_any_text_is_judged(case: Case, response: str) -> None:
    verifier = case.verifier
    for text in (response, case.passes[0] + response, response + case.passes[0], f"\\boxed{{{response}}}"):
        verdict = verifier.verify(text, case.reference)
        assert verdict.gradable
        assert verdict == verifier.verify(text, case.reference)


HUGE = {
    "digits": "9" * MILLION,
    "marked digits": "#### " + "9" * (MILLION - 5),
    "marked spaced digits": "#### " + "1 " * 499_000,
    "marked spaces": "#### 7" + " " * 900_000 + "x",
    "hashes": "#" * MILLION,
    "open boxes": "\\boxed{" * 142_000,
    "open braces": "\\boxed{" + "{" * 999_000,
    "backslashes": "\\boxed{" + "\\" * 999_000,
    "open fractions": "\\boxed{" + "\\frac{" * 166_000 + "}",
    "short fractions": "\\boxed{" + "\\frac1" * 1300 + "}",
    "spaced fractions": "\\boxed{" + " \\frac " * 1100 + "}",
    "spaces in a box": "\\boxed{5" + " " * 7900 + "\\}",
    "dollars in a box": "\\boxed{" + "$" * 7900 + "}",
    "text groups": "\\boxed{" + "\\text{" * 1300 + "}" * 1300 + "}",
    "stars": "\\boxed{" + "**" * 3900 + "}",
    "thousands": "#### 1" + ",111" * 1990 + "x",
    "words": "#### 5" + " a" * 3900,
    "slashed words": "#### 5 m" + "/m" * 3900 + "!",
    "open tags": "<answer>" * 125_000,
    "closed tags": "</answer>" * 111_000,
    "brackets": "<answer>" + "(" * 499_000 + ")" * 499_000 + "</answer>",
    "open reasoning": "<think>" * 142_000,
    "reasoning": "<think></think>" * 66_000,
    "lines": "\nA:" * 333_000,
    "newlines": "\n" * MILLION,
    "NULs": "\x00" * MILLION,
    "surrogates": "\ud800" * MILLION,
    "minus signs": "-" * MILLION,
    "numbers": "1,111/" * 166_000,
    "sum": "<answer>" + "1+" * 499_000 + "1</answer>",
}


@every_case
def test_a_million_characters_are_judged_in_linear_time(case: Case) -> None:
    assert all(len(text) <= MILLION for text in HUGE.values())
    verifier, found = case.verifier, {}
    for kind, text in HUGE.items():
        start = time.process_time()
        verdict = verifier.verify(text, case.reference)
        seconds = time.process_time() - start
        # About 0.2 s at most where measured, times the children; a quadratic pattern takes minutes. CPU time, not wall.
        if verdict.passed or not verdict.gradable or seconds >= 3.0:
            found[kind] = f"{verdict.status.value}, {seconds:.1f} s"
    assert found == {}


def test_processes_and_hash_seeds_agree() -> None:
    code = (
        "import json, sys\n"
        "from rlvr_gym.verifiers import make_verifier\n"
        "out = []\n"
        "for name, config, reference, responses in json.load(sys.stdin):\n"
        "    verifier = make_verifier(name, **config)\n"
        "    out += [verifier.verify(r, reference).to_dict() for r in responses] + [str(verifier.id)]\n"
        "print(json.dumps(out))\n"
    )
    work = json.dumps([(c.name, c.config, c.reference, c.responses) for c in CASES])
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            input=work,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "77")
    }
    here = [
        json.loads(json.dumps(x))
        for c in CASES
        for x in (*(c.verifier.verify(r, c.reference).to_dict() for r in c.responses), str(c.verifier.id))
    ]
    assert [json.loads(output) for output in outputs] == [here]
