"""Citations: each gate, in sequence, and the ways that are known to get past such gates."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers import ConfigError, Verdict, make_verifier

TEXTS = {
    "d1": "The mill of Orvane was built in 1412.",
    "d2": "The Silent Orchard was written by Mara Vell.",
    "d3": "Mara Vell was born in Tor.",
    "d4": "A bridge crosses the Ane.",
    "d5": "The town of Tor is where Mara Vell was born.",
}
REFERENCE = {"answer": "Tor", "sources": ["d2", ["d3", "d5"]], "documents": TEXTS}
GATES = ["structure", "answered", "well_formed", "cites", "known", "quoted", "complete", "concise"]


def judged(response: str, context: dict[str, Any] | None = None, **config: Any) -> Verdict:
    return make_verifier("citations@1", **config).verify(response, REFERENCE, context=context)


def answered(text: str, **config: Any) -> Verdict:
    return judged(f"<answer>{text}</answer>", **config)


@pytest.mark.parametrize(
    ("response", "gate", "status", "code", "score"),
    [
        ("Tor [d2][d3]", "structure", "no_answer", "no_marker", 0.0),
        ("<answer>Tor [d2][d3]", "structure", "malformed", "unclosed_tag", 0.0),
        ("<answer>[d2] [d3].</answer>", "answered", "no_answer", "only_citations", 0.0),
        ("<answer>Tor [d2][d3] [d4</answer>", "well_formed", "malformed", "citation_residue", 0.0),
        ("<answer>Tor</answer>", "cites", "failed", "no_citation", 0.0),
        ("<answer>Tor [d2][d3][d9]</answer>", "known", "failed", "unknown_source", 0.0),
        ("<answer>Tor [d2]</answer>", "complete", "failed", "source_missing", 2 / 3),  # 2 * 1 / (1 cited + 2 needed)
        ("<answer>Tor [d3][d5][d4]</answer>", "complete", "failed", "source_missing", 2 / 5),
        ("<answer>Tor [d1][d2][d3][d4]</answer>", "concise", "failed", "too_many_sources", 2 / 3),  # 2 * 2 / (4 + 2)
    ],
)
def test_a_gate_stays_closed(response: str, gate: str, status: str, code: str, score: float) -> None:
    verdict = judged(response)
    assert (verdict.status.value, verdict.reason.code, verdict.score) == (status, code, score)
    place = GATES.index(gate)
    assert [part.name for part in verdict.parts] == GATES
    assert [part.passed for part in verdict.parts] == [True] * place + [False] + [None] * (7 - place)


def test_every_gate_opens_for_an_answer_with_its_sources() -> None:
    for text in ("Tor [d2][d3]", "Tor [d5], [d2].", "[d2] Tor [d3] [d5]", "Tor [d2][d3][d1]", "Tor [d2][d2][d3][d3]"):
        verdict = answered(text)
        assert (verdict.passed, verdict.score) == (True, 1.0), text
        assert [(part.name, part.passed) for part in verdict.parts] == [(gate, True) for gate in GATES]


PAGE = Path(__file__).resolve().parents[2] / "docs" / "verifiers" / "citations.md"
EXAMPLES = re.findall(r"^\| `(.*)` \| (\w+) \| (\w+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(("response", "status", "code"), EXAMPLES)
def test_every_example_of_the_page_is_true(response: str, status: str, code: str) -> None:
    verdict = judged(response)
    assert (verdict.status.value, verdict.reason.code) == (status, code)


def test_the_examples_of_the_page_were_found() -> None:
    assert len(EXAMPLES) == 12


HACKS = {
    "cites everything": "Tor [d1][d2][d3][d4][d5]",
    "cites everything, many times": "Tor " + "[d1][d2][d3][d4][d5]" * 100,
    "cites nothing": "Tor",
    "cites without an answer": "[d2][d3]",
    "punctuation for an answer": "... [d2] !!! [d3] ---",
    "invents a source": "Tor [d2][d3][d6]",
    "a title for an id": "Tor [The-Silent-Orchard]",
    "the right ids in other letters": "Tor [D2][D3]",
    "a range": "Tor [d1-d5]",
    "a list in one bracket": "Tor [d1, d2, d3, d4, d5]",
    "a list with semicolons": "Tor [d1;d2;d3]",
    "blanks in the bracket": "Tor [ d2 ][ d3 ]",
    "nested brackets": "Tor [[d2]][[d3]]",
    "an open bracket": "Tor [d2][d3][d1",
    "a closing bracket": "Tor [d2][d3] d1]",
    "footnotes": "Tor [^d2][^d3]",
    "full width brackets": "Tor ［d2］［d3］",
    "lenticular brackets beside good ones": "Tor [d2][d3]【d1】【d4】",
    "bare ids beside good ones": "Tor [d2][d3], see also d1 and d4",
    "ids in round brackets": "Tor [d2][d3] (d1, d4)",
    "tags beside good ones": "Tor [d2][d3]<cite>1</cite>",
    "LaTeX beside good ones": "Tor [d2][d3]\\cite{1}",
    "in words beside good ones": "Tor [d2][d3] (source: 1)",
    "a zero-width character in an id": "Tor [d2\u200b][d3]",
    "only behind the answer": "Tor</answer> [d2][d3]",
    "only before the answer": "x</answer>[d2][d3]<answer>Tor",
    "in its thoughts": "Tor [d2][d3]</answer></think><answer>Tor",
    "right, then another answer": "Tor [d2][d3]</answer><answer>Tor",
    "thousands": "Tor " + "[d2][d3]" * 501,
}


@pytest.mark.parametrize("hack", HACKS)
def test_a_known_hack_does_not_pass(hack: str) -> None:
    verdict = answered(HACKS[hack])
    assert verdict.gradable
    assert not verdict.passed


@pytest.mark.parametrize("text", ["Tor [d1][d2][d3][d4][d5]", "Tor [d1]", "Tor", "Tor [d9]", "Tor [d1][d4]"])
def test_citing_at_random_earns_less_than_citing_right(text: str) -> None:
    assert answered(text).score < 0.6 < answered("Tor [d2][d3]").score


def test_extra_sources_are_counted_and_alternatives_are_none() -> None:
    assert answered("Tor [d2][d3][d5]", max_extra=0).passed
    assert not answered("Tor [d2][d3][d1]", max_extra=0).passed
    assert answered("Tor [d2][d3][d1][d4]", max_extra=2).passed


def test_what_was_not_shown_to_the_policy_does_not_exist() -> None:
    response = "<answer>Tor [d2][d3]</answer>"
    assert judged(response, {"sources": ["d2", "d3"]}).passed
    assert judged(response, {"sources": {"d2": "x", "d3": "y"}}).passed
    for shown in ([], ["d2"], ["d3"], {"d3": "x"}):
        assert judged(response, {"sources": shown}).reason.code == "unknown_source"


def test_without_a_list_of_documents_only_what_is_needed_exists() -> None:
    verifier = make_verifier("citations@1")
    assert verifier.verify("<answer>Tor [d2]</answer>", {"sources": ["d2"]}).passed
    assert verifier.verify("<answer>Tor [d2][d1]</answer>", {"sources": ["d2"]}).reason.code == "unknown_source"


@pytest.mark.parametrize("sources", [7, "d2", [7], {"d2": 7}, None])
def test_a_context_that_cannot_be_used_is_our_failure(sources: object) -> None:
    verdict = judged("<answer>Tor [d2][d3]</answer>", {"sources": sources})
    assert (verdict.gradable, verdict.reason.code) == (False, "bad_context")


QUOTED = '"written by Mara Vell" [d2]. \u201cMara Vell was born\u201d [d3]'


@pytest.mark.parametrize(
    ("text", "checked", "required"),
    [
        (QUOTED, "well_cited", "well_cited"),
        ('"WRITTEN by  mara Vell!" [d2] "Mara Vell was born" [d3][d5]', "well_cited", "well_cited"),
        ("It says so. [d2][d3]", "well_cited", "no_quote"),
        ('"written by Mara Vell" [d2] and [d3]', "well_cited", "no_quote"),
        ('"written by Ilse Toll" [d2][d3]', "false_quote", "false_quote"),
        ('"written by Mara Vell" [d3][d2]', "false_quote", "false_quote"),
        ('"Mara Vell" [d2] "Mara Vell was born" [d3]', "short_quote", "short_quote"),
        ('"itten by Mara Vell" [d2][d3]', "false_quote", "false_quote"),  # not by half words
        (f'{QUOTED} "The Silent Orchard was born" [d2]', "false_quote", "false_quote"),
    ],
)
def test_quotes_stand_in_their_source(text: str, checked: str, required: str) -> None:
    response = f"{text} <answer>Tor</answer>"
    assert judged(response, scope="response", quotes="checked").reason.code == checked
    assert judged(response, scope="response", quotes="required").reason.code == required


def test_numbers_in_quotes_are_whole() -> None:
    reference = {"sources": ["d1"], "documents": {"d1": "It cost 1000 crowns."}}
    verifier = make_verifier("citations@1", quotes="required")
    assert verifier.verify('<answer>"it cost 1000" [d1]</answer>', reference).passed
    for quote in ("it cost 10", "cost 000 crowns"):
        assert verifier.verify(f'<answer>"{quote}" [d1]</answer>', reference).reason.code == "false_quote"


def test_quotes_of_texts_that_nobody_has_cannot_be_graded() -> None:
    verifier = make_verifier("citations@1", quotes="required")
    verdict = verifier.verify('<answer>"a b c" [d1]</answer>', {"sources": ["d1"]})
    assert (verdict.gradable, verdict.reason.code) == (False, "no_texts")


def test_where_nothing_may_be_cited_nothing_is() -> None:
    assert answered("Tor", mode="none").passed
    assert answered("Tor [d2]", mode="none").reason.code == "citation"
    assert answered("Tor [d2", mode="none").reason.code == "citation_residue"
    assert answered("", mode="none").reason.code == "only_citations"
    assert make_verifier("citations@1", mode="none").check_reference({"sources": []}).ok
    assert not make_verifier("citations@1").check_reference({"sources": []}).ok


def test_the_answer_and_its_sources_together() -> None:
    both = make_verifier("gate@1", children=[{"verifier": "answer@1", "cited": True}, "citations@1"])
    table = {
        "Tor [d2][d3]": (True, 1.0),
        "Ane [d2][d3]": (False, 0.0),
        "Tor or Ane [d2][d3]": (False, 0.0),
        "Tor [d2]": (False, 2 / 3),
        "Tor": (False, 0.0),
    }
    for text, expected in table.items():
        verdict = both.verify(f"<answer>{text}</answer>", REFERENCE)
        assert (verdict.passed, verdict.score) == expected, text


@pytest.mark.parametrize(
    "config",
    [{"mode": "x"}, {"scope": "x"}, {"quotes": True}, {"max_extra": -1}, {"max_extra": True}, {"markers": ["x"]}],
)
def test_a_wrong_setting_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        make_verifier("citations@1", **config)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(["d1", "d2", "d3", "d4", "d5", "d6"]), max_size=8))
def test_it_passes_by_the_rule_and_not_otherwise(cited: list[str]) -> None:
    right = {"d2"} <= set(cited) and bool({"d3", "d5"} & set(cited))
    right = right and len(set(cited) - {"d2", "d3", "d5"}) <= 1 and "d6" not in cited
    verdict = answered("Tor " + "".join(f"[{one}]" for one in cited))
    assert verdict.passed is right
    assert (verdict.score == 1.0) is right
