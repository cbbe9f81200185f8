"""What holds for all 58 kinds of IFBench: official labels, parameters, sentences, and that no check ever raises."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers.instructions.catalogue import asked, variants
from rlvr_gym.verifiers.instructions.ifbench import IFBENCH
from rlvr_gym.verifiers.instructions.ifbench_csv import read_table
from rlvr_gym.verifiers.instructions.ifbench_syllables import official_syllables, syllables
from rlvr_gym.verifiers.instructions.ifbench_tables import (
    AFRICA,
    BATTLES,
    CAPITALS,
    EMOJI,
    NAMES,
    PALINDROMES,
    STOP_WORDS,
)
from rlvr_gym.verifiers.instructions.ifbench_text import official_sentences, official_tokens
from rlvr_gym.verifiers.instructions.ifbench_verbs import is_verb_form

PARAMETERS: dict[str, dict[str, Any]] = {  # of the kinds that have some
    "count:word_count_range": {"min_words": 30, "max_words": 40},
    "count:unique_word_count": {"N": 3},
    "count:conjunctions": {"small_n": 2},
    "count:person_names": {"N": 2},
    "count:numbers": {"N": 2},
    "count:words_japanese": {"N": 3},
    "count:pronouns": {"N": 2},
    "count:keywords_multiple": {
        "keyword1": "sun",
        "keyword2": "rain",
        "keyword3": "wind",
        "keyword4": "snow",
        "keyword5": "fog",
    },
    "ratio:stop_words": {"percentage": 20},
    "ratio:overlap": {"reference_text": "one two three four five", "percentage": 50},
    "words:repeats": {"small_n": 2},
    "words:keywords_specific_position": {"keyword": "sea", "n": 2, "m": 3},
    "words:words_position": {"keyword": "sea"},
    "sentence:keyword": {"word": "eat", "N": 2},
    "sentence:increment": {"small_n": 2},
    "format:options": {"options": "yes/no"},
    "format:list": {"sep": "!?!?"},
    "repeat:repeat_change": {"prompt_to_repeat": "Write a poem about {it}."},
    "repeat:repeat_span": {"prompt_to_repeat": "Write a poem about {it}.", "n_start": 0, "n_end": 2},
}

# The rows whose official label hangs on something that is downloaded: kind, row, why.
UNEQUAL = {
    ("words:start_verb", "258"): "the trained tagger takes `Understand` at the beginning for another part of speech",
}


def labels(kind: str, parameters: dict[str, Any], response: str) -> tuple[bool, bool]:
    """The strict and the loose verdict of the reference profile."""
    one = asked(kind, parameters)
    return one.outcome(response, "reference").kept, any(
        one.outcome(variant, "reference").kept for variant in variants(response)
    )


def test_the_verdicts_are_the_official_labels(data_dir: Path) -> None:
    file = data_dir / "ifbench" / "ifbench_labelled.jsonl"
    if not file.is_file():
        pytest.skip(f"no labelled responses at {file}")
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    seen: Counter[str] = Counter()
    unequal = set()
    for row in rows:
        for place, kind in enumerate(row["instruction_id_list"]):
            seen[kind] += 1
            official = (row["strict"][place], row["loose"][place])
            if labels(kind, row["kwargs"][place], row["response"]) != official:
                unequal.add((kind, row["key"]))
    assert (len(rows), seen.total(), len(seen)) == (147, 167, 52)
    assert unequal == set(UNEQUAL)
    assert not [kind for kind, _ in unequal if asked(kind, PARAMETERS.get(kind, {})).kind.exact]


def test_there_are_58_kinds_with_ids_of_their_own() -> None:
    groups = Counter(kind.id.partition(":")[0] for kind in IFBENCH)
    assert len({kind.id for kind in IFBENCH}) == 58
    assert groups == {"count": 9, "ratio": 5, "words": 13, "sentence": 3, "format": 14, "custom": 11, "repeat": 3}


def test_what_depends_on_a_download_is_said() -> None:
    assert {kind.id for kind in IFBENCH if not kind.exact} == {
        "words:start_verb",
        "words:odd_even_syllables",
        "words:keywords_specific_position",
        "words:words_position",
        "format:emoji",
    }


@pytest.mark.parametrize("kind", [kind.id for kind in IFBENCH])
def test_a_kind_reads_its_parameters_and_says_what_it_asks(kind: str) -> None:
    parameters = PARAMETERS.get(kind, {})
    one = asked(kind, {**parameters, "unused": None})
    assert one.parameters == parameters
    assert all(str(value) in one.sentence for value in parameters.values())
    assert one.kind.differences
    for name in parameters:
        for missing in ({**parameters, name: None}, {key: parameters[key] for key in parameters if key != name}):
            with pytest.raises(ValueError, match=name):
                asked(kind, missing)
    with pytest.raises(ValueError, match="unused"):
        asked(kind, {**parameters, "unused": 1})


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        *(
            (kind, {"N": wrong})
            for kind in ("count:numbers", "count:person_names")
            for wrong in (0, -1, 1.5, True, "3")
        ),
        ("count:person_names", {"N": 51}),
        ("count:conjunctions", {"small_n": 8}),
        ("count:word_count_range", {"min_words": 41}),
        ("count:keywords_multiple", {"keyword2": "Sun"}),
        ("count:keywords_multiple", {"keyword2": " "}),
        *(("ratio:stop_words", {"percentage": wrong}) for wrong in (-1, 101, float("nan"), True, "20")),
        ("ratio:overlap", {"reference_text": "..."}),
        ("words:words_position", {"keyword": "two words"}),
        ("words:keywords_specific_position", {"m": 0}),
        *(("format:options", {"options": wrong}) for wrong in ("yes", "yes/yes", "yes/", "Yes/yes", 3)),
        ("format:list", {"sep": ""}),
        ("repeat:repeat_change", {"prompt_to_repeat": "Write"}),
        ("repeat:repeat_span", {"n_start": 3}),
        ("repeat:repeat_span", {"n_end": 5}),
        ("repeat:repeat_span", {"n_start": -1}),
        ("repeat:repeat_span", {"n_start": True}),
    ],
)
def test_parameters_out_of_range_are_refused(kind: str, change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(change)).rstrip("12")):
        asked(kind, {**PARAMETERS[kind], **change})


@pytest.mark.parametrize("kind", [kind.id for kind in IFBENCH])
def test_nothing_degenerate_passes(kind: str) -> None:
    one = asked(kind, PARAMETERS.get(kind, {}))
    for response in ("", " ", "\n\n", "...", "—", "😀", "\x00", "-\n-\n-", "no " * 36, "Go. " * 36, "Go.\n" * 36):
        assert not one.outcome(response, "fixed").kept, response
        assert response.strip() or not one.outcome(response, "reference").kept


PIECES = st.sampled_from(
    [
        *r"""a Be ee 1 . ! ? , " ' “ ’ ( ] } * - # <i> </em> ``` A) Question 日 😀 ि İ ß ℹ ² <stop> Mr.""".split(),
        *" \n\t\x00\u0301\ud800",
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=25).map("".join)))
def test_no_check_raises_and_each_says_what_it_found(response: str) -> None:
    for kind in IFBENCH:
        parameters = kind.read(PARAMETERS.get(kind.id, {}))
        for check in (kind.fixed, kind.reference):
            kept, detail = check(response, parameters)
            assert isinstance(kept, bool), kind.id
            assert 0 < len(detail) < 300, (kind.id, detail)


@pytest.mark.parametrize("unit", ["!", "\n"])
@pytest.mark.parametrize(
    "kind",
    ["words:words_position", "format:title_case", "format:emoji", "format:line_indent", "custom:mcq_count_length"],
)
def test_long_responses_are_judged_in_linear_time(kind: str, unit: str) -> None:
    response = unit * 60_000  # of which the square takes several seconds
    one = asked(kind, PARAMETERS.get(kind, {}))
    start = process_time()
    one.outcome(response, "fixed")
    one.outcome(f"Question 1.{response}", "reference")
    assert process_time() - start < 1.5


def test_details_say_what_was_found_and_needed() -> None:
    response = "The calm sea lies still, and it is blue."
    details = {
        "count:conjunctions": "found 1 different coordinating conjunctions, needed at least 2",
        "count:numbers": "found 0 numbers in digits, needed exactly 2",
        "count:word_count_range": "found 9 words, needed 30 to 40",
        "words:keywords_specific_position": "found 1 sentences, needed at least 2",
        "words:prime_lengths": "3 words of no prime length, first 'calm'",
        "format:title_case": "7 words without a capital, first 'calm'",
        "custom:date_format_list": "2 entries that are not the day on which a battle of Napoleon began, as YYYY-MM-DD,"
        " first 'The calm sea lies still'",
    }
    assert {
        kind: asked(kind, PARAMETERS.get(kind, {})).outcome(response, "fixed").detail for kind in details
    } == details


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Mr. Ott of Ott Inc. paid 1.50 at ott.com. He left", ["Mr. Ott of Ott Inc. paid 1.50 at ott.com.", "He left"]),
        ("Wait... what", ["Wait...", "what"]),
        ("1. One", ["1.", "One"]),
        ("What?!", ["What?", "!"]),
        ('"Go!" she said', ['"Go"!', "she said"]),
        ("line\nline", ["line line"]),
        ("J. Bach has a Ph.D. in e.g. music", ["J. Bach has a Ph.D. in e.g. music"]),
        ("The U.S. He left", ["The U.S.", "He left"]),
        ("", []),
    ],
)
def test_sentences_are_split_as_the_official_checks_do(text: str, sentences: list[str]) -> None:
    assert official_sentences(text) == sentences


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The sea, they say, is calm.", "The sea , they say , is calm ."),
        ("I can't; you'll (cannot) wait...", "I ca n't ; you 'll ( can not ) wait ..."),
        ('He said "go". She went.', "He said `` go '' . She went ."),
        ("Dr. Ott paid $3.50 -- 10% more!", "Dr. Ott paid $ 3.50 -- 10 % more !"),
        ("It’s Tom's gonna-be", "It ’ s Tom 's gon na -be"),
        ("'tis well-known *today*", "' tis well-known * today *"),
        ("", ""),
    ],
)
def test_tokens_are_taken_as_the_official_checks_do(text: str, tokens: str) -> None:
    assert list(official_tokens(text)) == tokens.split()


def test_a_table_is_read_with_its_quotes() -> None:
    assert read_table('a,"b ""c"", d"\n1, 2 ', ",") == [
        [("a", False), ('b "c", d', True)],
        [("1", False), ("2", False)],
    ]
    assert read_table('a,b"c', ",") == "a quote is not closed"
    assert read_table('a,b"c"', ",") == "a quote stands inside a field"


@pytest.mark.parametrize(
    ("word", "own", "official"),
    [
        ("sea", 1, 1),
        ("water", 2, 2),
        ("table", 2, 2),
        ("largely", 2, 3),
        ("idea", 3, 2),
        ("wanted", 2, 2),
        ("walked", 1, 2),
    ],
)
def test_syllables_are_counted_by_spelling(word: str, own: int, official: int) -> None:
    assert (syllables(word), official_syllables(word)) == (own, official)


@pytest.mark.parametrize(
    "word", ["go", "goes", "Carried", "stopped", "making", "lying", "isn't", "don’t", "categorize"]
)
def test_forms_of_verbs_are_known(word: str) -> None:
    assert is_verb_form(word)


@pytest.mark.parametrize("word", ["sea", "the", "Morning", "king", "red", "he's", "I'm", "seas", "'", ""])
def test_other_words_are_no_verbs(word: str) -> None:
    assert not is_verb_form(word)


def test_the_tables_hold_what_they_should() -> None:
    assert (len(set(NAMES)), len(AFRICA), len(CAPITALS), len(STOP_WORDS)) == (50, 54, 28, 179)
    assert all(word == word[::-1] and len(word) >= 5 for word in PALINDROMES)
    assert all("1793-08-29" <= day <= "1815-06-18" for day in BATTLES)
    assert {"😀", "❤", "©", "🏽"} <= EMOJI
    assert EMOJI.isdisjoint({*"0123456789#*abc", "\ufe0f", "\u200d", "🇫"})
