"""Short answers: what is equal, what is near, and what does not pay."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers import ConfigError, Status, make_verifier
from rlvr_gym.verifiers.answer import Answer, f1, tokens

examples = settings(max_examples=100, deadline=None, derandomize=True)
words = st.lists(st.sampled_from(["mara", "vell", "tor", "12", "of"]), min_size=1, max_size=5)


def judged(answer: str, reference: object, **config: object) -> tuple[str, float, str]:
    verdict = Answer(**config).verify(f"<answer>{answer}</answer>", reference)  # type: ignore[arg-type]
    return verdict.status.value, verdict.score, verdict.reason.code


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The  Silent\tOrchard!", ("silent", "orchard")),
        ("O'Hara & Sons, Ltd.", ("ohara", "sons", "ltd")),
        ("1,250,000", ("1250000",)),
        ("1,25", ("1,25",)),  # no thousands: groups are of three
        ("4.5", ("4.5",)),
        (".5", (".5",)),
        ("-3", ("-3",)),
        ("\u22123", ("-3",)),
        ("3/4", ("3/4",)),
        ("12:30", ("12:30",)),
        ("$18", ("18",)),
        ("(1912)", ("1912",)),
        ("co-op", ("coop",)),
        ("C++ = C#", ("c++", "=", "c")),
        ("\\text{Tor}", ("tor",)),
        ("a", ("a",)),  # an article that is all there is
        ("The Who", ("who",)),
        ("e\u0301", ("\u00e9",)),
        ("10\u00b2", ("10\u00b2",)),  # no compatibility form: ten squared is not 102
        ("...", ()),
    ],
)
def test_the_tokens_of(text: str, expected: tuple[str, ...]) -> None:
    assert tokens(text) == expected


def test_f1_counts_tokens_with_their_repetitions() -> None:
    # shared: a b once each = 2; 2 * 2 / (3 + 4)
    assert f1(["a", "a", "b"], ["a", "b", "c", "d"]) == 4 / 7
    assert f1(["a"], ["b"]) == 0.0


@pytest.mark.parametrize(
    ("answer", "reference", "expected"),
    [
        ("Mara Vell", "mara vell", ("passed", 1.0, "equal")),
        ("Mara Vell", ["M. Vell", "Mara Vell"], ("passed", 1.0, "equal")),
        ("Mara Toll", ["M. Vell", "Mara Vell"], ("failed", 0.5, "different")),  # the best: 2 * 1 / (2 + 2)
        ("Vell", "Mara Vell", ("failed", 2 / 3, "different")),
        ("Tor", "Mara Vell", ("failed", 0.0, "different")),
        ("1000", "10", ("failed", 0.0, "different")),
        ("10.0", "10", ("failed", 0.0, "different")),
        ("10,000", "10000", ("passed", 1.0, "equal")),
        ("Mara Vell or Ilse Toll", "Mara Vell", ("ambiguous", 0.0, "more_than_the_answer")),
        ("Mara Vell/Ilse Toll", "Mara Vell", ("ambiguous", 0.0, "more_than_the_answer")),
        ("Ilse|Mara Vell", "Mara Vell", ("ambiguous", 0.0, "more_than_the_answer")),
        ("not Mara Vell", "Mara Vell", ("ambiguous", 0.0, "more_than_the_answer")),
        ("Vell Ilse Mara", "Mara Vell", ("ambiguous", 0.0, "more_than_the_answer")),
        ("?", "Mara Vell", ("malformed", 0.0, "empty_answer")),
        ("x " * 1001, "Mara Vell", ("limit_exceeded", 0.0, "answer_too_long")),
    ],
)
def test_an_answer_is_judged(answer: str, reference: object, expected: tuple[str, float, str]) -> None:
    assert judged(answer, reference) == expected


def test_the_same_words_in_another_order_are_near_and_not_right() -> None:
    status, score, _ = judged("Vell Mara", "Mara Vell")
    assert status == "failed"
    assert 0.99 < score < 1.0


def test_a_threshold_lets_near_answers_pass_and_lists_not() -> None:
    assert judged("Mara Toll", "Mara Vell", threshold=0.5) == ("passed", 0.5, "near")
    assert judged("Vell Mara", "Mara Vell", threshold=0.5)[0] == "passed"
    assert judged("Mara Vell, Ilse", "Mara Vell", threshold=0.5)[0] == "ambiguous"


def test_excess_can_count_as_squad_has_it() -> None:
    # 2 shared tokens of 4 and of 2: 2 * 2 / 6
    assert judged("Mara Vell Ilse Toll", "Mara Vell", excess="count") == ("failed", 2 / 3, "different")


def test_naming_more_candidates_never_earns_more_than_naming_one() -> None:
    candidates = ["Mara Vell", "Ilse Toll", "Brun Harth", "Ova Lindskar"]
    one = sum(judged(candidate, "Ilse Toll")[1] for candidate in candidates) / 4
    for count in range(2, 5):
        assert judged(", ".join(candidates[:count]), "Ilse Toll")[1] == 0.0 < one


def test_citations_are_left_out_where_they_belong_to_the_answer() -> None:
    assert judged("Tor [d1], [d2]", "Tor", cited=True)[0] == "passed"
    assert judged("Tor [d1]", "Tor")[0] == "ambiguous"
    assert judged("[Tor]", "Tor", cited=True)[2] == "empty_answer"


def test_a_verdict_does_not_quote_the_reference() -> None:
    for answer in ("Tor", "xyloqar and more", ""):
        verdict = make_verifier("answer@1").verify(f"<answer>{answer}</answer>", "xyloqar")
        assert "xyloqar" not in verdict.reason.text


@pytest.mark.parametrize(
    "config",
    [{"threshold": 0}, {"threshold": 1.1}, {"threshold": True}, {"excess": "all"}, {"cited": 1}, {"markers": []}],
)
def test_a_wrong_setting_is_refused(config: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        make_verifier("answer@1", **config)


@examples
@given(words, words)
def test_only_equal_tokens_pass_and_only_they_score_one(given_words: list[str], accepted: list[str]) -> None:
    verdict = Answer().verify(f"<answer>{' '.join(given_words)}</answer>", " ".join(accepted))
    assert verdict.passed == (given_words == accepted) == (verdict.score == 1.0)


@examples
@given(words, words, words)
def test_a_right_answer_with_anything_around_it_scores_nothing(
    before: list[str], accepted: list[str], after: list[str]
) -> None:
    text = " ".join([*before, *accepted, *after])
    verdict = Answer().verify(f"<answer>{text}</answer>", " ".join(accepted))
    assert (verdict.status, verdict.score) == (Status.AMBIGUOUS, 0.0)
