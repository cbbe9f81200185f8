"""`regex@1`: agrees with Python's matcher on all short words, refuses what is not its own, and is bounded."""

from __future__ import annotations

import itertools
import re
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers import Verdict, make_verifier
from rlvr_gym.verifiers.structured.regex import MAX_STATES, machine_of
from rlvr_gym.verifiers.structured.regex_syntax import MAX_REGEX_CHARS, START, Regex, RegexError, parse_regex

TIMES = ["*", "+", "?", "{2}", "{0,2}", "{1,}"]
NOT_READ = (
    "a** a+? a*+ *a |* ( ) a) [ [] [b-a] a{ a{1 a{2,1} a{51} a{,2} a{-1} a^b a$b \\d \\1 (?=b) (?i)a a] a} [a-]"
).split()
ENDS_WITH_B = {"alphabet": "ab", "regex": "(a|b)*b"}


def verdict(text: str, reference: dict[str, Any] | None = None) -> Verdict:
    return make_verifier("regex@1").verify(f"<answer>{text}</answer>", reference or ENDS_WITH_B)


def matches(regex: Regex, word: str, alphabet: str) -> bool:
    state = START
    for symbol in word:
        state = regex.moves(state)[alphabet.index(symbol)]
    return regex.accepts(state)


def words(alphabet: str, longest: int) -> list[str]:
    return ["".join(word) for length in range(longest + 1) for word in itertools.product(alphabet, repeat=length)]


def expressions(letters: str = "ab") -> st.SearchStrategy[str]:
    leaves = st.sampled_from([*letters, ".", "[ab]", "[^a]", "[a-b]", "()", "ab"])
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(inner, inner).map("".join),
            st.tuples(inner, inner).map(lambda two: f"({two[0]}|{two[1]})"),
            st.tuples(inner, st.sampled_from(TIMES)).map(lambda two: f"(?:{two[0]}){two[1]}"),
        ),
        max_leaves=7,
    )


@settings(max_examples=150, deadline=None, derandomize=True)
@given(expressions("abc"))
def test_matching_is_that_of_python(text: str) -> None:
    regex = parse_regex(text, "abc")
    for word in words("abc", 4):
        assert matches(regex, word, "abc") == (re.fullmatch(text, word) is not None), word


@settings(max_examples=100, deadline=None, derandomize=True)
@given(expressions(), expressions())
def test_two_expressions_that_differ_on_a_short_word_are_never_equal(one: str, other: str) -> None:
    differ = [word for word in words("ab", 6) if bool(re.fullmatch(one, word)) != bool(re.fullmatch(other, word))]
    machine = machine_of(other, "ab")
    if len(set(machine.accepting)) == 2:
        found = verdict(one, {"alphabet": "ab", "regex": other})
        assert not (differ and found.passed)
        assert verdict(other, {"alphabet": "ab", "regex": other}).passed


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(st.sampled_from("ab.*+?|()[]{}^$\\-,012 "), max_size=12))
def test_what_is_read_is_read_as_python_does(text: str) -> None:
    try:
        regex = parse_regex(text, "ab")
    except RegexError:
        return
    bare = text.removeprefix("^").removesuffix("$")
    for word in words("ab", 3):
        assert matches(regex, word, "ab") == (re.fullmatch(bare, word) is not None), word


@pytest.mark.parametrize("text", [*NOT_READ, "a{1}{2}", "\\", "a b", "é", "\x00", "\u0430", "a/b", "a,b", "c", "[c]"])
def test_what_is_not_of_the_subset_is_malformed(text: str) -> None:
    assert verdict(text).reason.code == "not_a_regex"


@pytest.mark.parametrize(
    ("text", "score"),
    [
        # Of each length from 1 on half of the words are to be matched; the empty word is of a length of which none is.
        (".*", 0.0),
        (".+", 0.0),
        ("()", 0.0),
        (".{3}|.{5}", 0.0),
        (".*a", 0.0),  # all wrong
        # a*b: 1 of the 2**(n-1) words that are to be matched, none of the others; the mean over n = 1 to 8 is
        # (1 + 1/2 + ... + 1/128) / 8 = 255/1024.
        ("a*b", 0.9 * 255 / 1024),
        # All words but b alone: 0 for n = 1, right for the 7 other lengths.
        (".+b", 0.9 * 7 / 8),
    ],
)
def test_the_dense_score_is_the_balanced_share_above_that_of_the_blind(text: str, score: float) -> None:
    assert verdict(text).score == pytest.approx(score)


def test_what_agrees_on_all_short_words_is_not_right() -> None:
    found = verdict(".{0,8}b", {"alphabet": "ab", "regex": ".*b"})
    assert (found.passed, found.score) == (False, 0.9)


def test_the_verdict_does_not_tell_the_word_and_the_explanation_does() -> None:
    verifier = make_verifier("regex@1")
    response, reference = "<answer>a*b</answer>", ENDS_WITH_B
    assert "bb" not in str(verifier.verify(response, reference).to_dict())
    assert ("differs", "a shortest word on which they differ is 'bb'") in verifier.explain(response, reference)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 30 + "a" + ")*" * 30,
        "((a?){50}){4}",
        "(a|b|ab)*" * 20,
        ".*a.{8}",
        "(.*){50}" * 4,
        "((((((((){50}){50}){50}){50}){50}){50}){50}){50}",
        "a" * MAX_REGEX_CHARS,
    ],
)
def test_no_expression_takes_long(text: str) -> None:
    start = time.process_time()
    verdict(text, {"alphabet": "abcdefghij", "regex": "(ab|cd)*"})
    assert time.process_time() - start < 2


def test_a_long_correct_answer_passes() -> None:
    listed = "|".join("".join(word) for word in itertools.product("ab", repeat=4))
    assert verdict(listed, {"alphabet": "ab", "regex": ".{4}"}).passed


def test_a_right_answer_with_too_many_states_is_refused() -> None:
    """A blind spot."""
    assert verdict("(.*a.{15})?.*b|.*b", ENDS_WITH_B).reason.code == "too_many_states"
    with pytest.raises(RegexError, match=f"more than {MAX_STATES} states"):
        machine_of(".*a.{15}", "ab")


def test_other_dialects_are_refused_where_they_would_be_right() -> None:
    """A blind spot."""
    assert verdict("(a|b)**b").reason.code == "not_a_regex"


def test_a_language_of_lengths_has_no_dense_score() -> None:
    """A blind spot."""
    assert verdict(".{3}|.{4}", {"alphabet": "ab", "regex": ".{3}"}).score == 0.0


def test_a_list_of_cases_passes_as_a_short_expression_does() -> None:
    """A blind spot."""
    assert verdict("b|(a|b)b|(a|b)(a|b)(a|b)*b").passed
