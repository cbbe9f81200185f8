"""IFBench's kinds on counts, shares, words and sentences, case by case, in both profiles. Expected values are by hand.

Those of `reference` were compared besides with the official code; where the two profiles differ, the kind says so in
`differences`.
"""

from __future__ import annotations

from typing import Any

import pytest
from rlvr_gym.verifiers.instructions.catalogue import asked

Y, N = True, False
SEA = "The calm sea lies still tonight."
FIFTY = """Emma Liam Sophia Jackson Olivia Noah Ava Lucas Isabella Mason Mia Ethan Charlotte Alexander Amelia Benjamin
Harper Leo Zoe Daniel Chloe Samuel Lily Matthew Grace Owen Abigail Gabriel Ella Jacob Scarlett Nathan Victoria Elijah
Layla Nicholas Audrey David Hannah Christopher Penelope Thomas Nora Andrew Aria Joseph Claire Ryan Stella Jonathan"""
FIVE = {"keyword1": "sun", "keyword2": "rain", "keyword3": "wind", "keyword4": "snow", "keyword5": "fog"}
WEATHER = "A sun; rain, rain; wind, wind, wind; snow snow snow snow snow; fog fog fog fog fog fog fog"
TEN = "Civic kayak level madam radar refer rotor sagas solos stats"
ALPHA = "A big cat did everything for Gina, hiding in June."

CASES: list[tuple[str, dict[str, Any], list[tuple[str, bool, bool]]]] = [  # (response, fixed, reference)
    (
        "count:word_count_range",
        {"min_words": 4.0, "max_words": 6.0},
        [
            ("The sea is calm.", Y, Y),
            ("The sea is very calm now.", Y, Y),
            ("The sea is very calm right now.", N, N),
            ("Seas are calm.", N, N),
            ("It's Tom's dog's bone, isn't it?", Y, N),  # apostrophes divide: 10
            ("no no no no", N, Y),  # one word over and over
            ("", N, N),
            ("...", N, N),
        ],
    ),
    (
        "count:unique_word_count",
        {"N": 3},
        [
            ("sea and wind", Y, Y),
            ("Sea, sea and wind!", Y, Y),
            ("sea and Sea and", N, N),
            ("sea - wind", N, Y),  # the dash strips to an empty word
            ("sea–wind–sun", Y, N),
            ("", N, N),
        ],
    ),
    (
        "count:conjunctions",
        {"small_n": 3.0},
        [
            ("Sun and rain or wind, so stay here.", Y, Y),
            ("Sun and rain or wind stay here.", N, N),
            ("And sun and rain, and, see, and.", N, Y),  # by case and by mark
            ("and or so", N, Y),  # nothing but conjunctions
            ("", N, N),
        ],
    ),
    (
        "count:person_names",
        {"N": 2},
        [
            ("Emma met Noah.", Y, Y),
            ("Emma's dog met Noah’s cat.", Y, Y),
            ("Emma met emma.", N, N),
            ("Leonard met Emmanuel.", N, Y),  # Leo, Emma
            ("", N, N),
        ],
    ),
    ("count:person_names", {"N": 50}, [(FIFTY, Y, Y), (FIFTY.replace("Ryan", "Bryan"), N, N)]),
    (
        "count:numbers",
        {"N": 2},
        [
            ("We saw 3 cats and 12 dogs there.", Y, Y),
            ("We saw 3 cats and some dogs there.", N, N),
            ("We paid 1,000.50 for 2 old dogs.", Y, Y),
            ("Pages 10-20 of the old book.", Y, N),  # 1020
            ("Pages 1,2,3 and 7 of the book.", N, Y),  # 123
            ("Drink H2O with 5 of your friends.", N, Y),
            ("1 2", N, Y),
            ("", N, N),
        ],
    ),
    (
        "count:punctuation",
        {},
        [
            ("Well, one; two: three! Four? Five?! Six.", Y, Y),
            ("Well, one; two: three! Four? Five‽ Six.", Y, Y),
            ("Well, one; two: three! Four? Five.", N, N),
            ("Well, one; two: three?! Four!? Five six.", N, Y),  # the second interrobang gives both marks
            (".,;:!? ?!", N, Y),
            ("", N, N),
        ],
    ),
    (
        "count:words_japanese",
        {"N": 3},
        [
            ("I like 海 and you 空 very much", Y, Y),
            ("I like 海 and you sky very much", N, N),
            ("I like 海 and you 123 very much", N, Y),
            ("I like seaの and you 空 very much", N, Y),
            ("I like - 海 and you 空 very much.", Y, N),  # a dash as a word
            ("Just two", N, Y),  # vacuous
            ("", N, N),
        ],
    ),
    (
        "count:pronouns",
        {"N": 2},
        [
            ("He sees her dog and cat.", Y, Y),
            ("He sees the dog and cat.", N, N),
            ("I'm sure they know the way.", Y, N),  # I'm is read as im
            ("Anyone can see that big dog.", Y, N),
            ("She/her is on the old sign.", Y, Y),
            ("it it it it", N, Y),
            ("", N, N),
        ],
    ),
    (
        "count:keywords_multiple",
        FIVE,
        [
            (f"We have seen much weather: {WEATHER}.", Y, Y),
            (f"We have seen much weather: {WEATHER}, fog.", N, N),
            (f"On a sunny day: {WEATHER.replace('sun', 'star')} and fine weather.", N, Y),  # sunny
            (f"We have seen much weather on sundays: {WEATHER}.", Y, N),
            (WEATHER, N, Y),  # the keywords alone
            ("", N, N),
        ],
    ),
    (
        "ratio:stop_words",
        {"percentage": 20.0},
        [
            ("The sea lies calm tonight.", Y, Y),  # 1 of 5
            ("The calm sea is asleep tonight.", N, N),  # 2 of 6
            ("Big seas don't ever sleep tonight.", Y, N),  # 1 of 6; don and t: 2 of 7
            ("Sea", N, Y),
            ("", N, N),
            ("...", N, N),
        ],
    ),
    (
        "ratio:sentence_type",
        {},
        [
            ("The sea is calm. The wind is low. Why?", Y, Y),
            ("The sea is calm. The wind is low. Why? When?", N, N),
            ('The sea is "calm." (The wind is low.) Why?', Y, Y),
            ("1. The sea is calm. 2. The wind is low. Why?", N, N),
            ("1. The sea is calm.\n2. The wind is low.\n\nWhy?", Y, N),  # numbers of a list
            ("I see.\n1. Why is the sea calm?", N, Y),
            ("The sea is calm and the wind is low", N, Y),  # none and none
            ("", N, N),
        ],
    ),
    (
        "ratio:sentence_balance",
        {},
        [
            ("The sea is calm. Is the wind? Oh yes!", Y, Y),
            ("The sea is calm. Is the wind? Oh yes! No!", N, N),
            ("*The sea is calm.* **Is the wind?** Oh yes!", Y, Y),
            ("The sea is calm, i.e. still. Is the wind? Oh yes!", Y, Y),
            ("The sea is calm (cf. fig. two). Is the wind? Oh yes!", Y, N),
            ("The sea is calm and the wind is low", N, Y),
            ("", N, N),
        ],
    ),
    (
        "ratio:overlap",
        {"reference_text": "one two three four five six", "percentage": 50},
        [
            ("one two three four tango uniform", Y, N),  # 2 of 4 trigrams of words
            ("one two three four five six seven eight nine ten", Y, N),  # 4 of 8
            ("one two three kilo lima mike", N, N),  # 1 of 4
            ("onezzzz", N, N),
            ("onetw", N, N),
            ("one ab", N, Y),  # one, ne_ of one, ne_, e_a, _ab
            ("", N, N),
        ],
    ),
    (
        "ratio:sentence_words",
        {},
        [
            ("Bees hum now. Cats eat pie. Dogs nap too.", Y, Y),
            ("Bees hum now. Cats eat now. Dogs nap now.", N, Y),  # the words do not differ
            ("Bees hum now. Cats eat it. Dogs nap too.", N, N),
            ("Go. Go. Go.", N, Y),
            ("Bees hum now. Cats nap too.", N, N),
            ("", N, N),
        ],
    ),
    (
        "words:alphabet",
        {},
        [
            (ALPHA, Y, Y),
            ("Young zebras ate big carrots.", Y, Y),  # from Z to A
            ("A big dog did everything.", N, N),
            ("A big — cat did everything", Y, N),
            ("A", N, Y),
            ("1 big cat did everything for", N, N),
            ("", N, N),
        ],
    ),
    (
        "words:vowel",
        {},
        [
            ("Tall trees sway near lakes at dawn.", Y, Y),
            ("Tall trees stood near lakes in fog.", N, N),
            ("Tall trees sway\nnear lakes at dawn.", Y, N),
            ("Tall trees sway.\n\nNear lakes at dawn.", N, N),
            ("Tall trees sway near a hill fór gód.", N, Y),  # accents
            ("Hmm, pst, shh, brr, grr.", N, Y),  # no vowel
            ("...", N, Y),
            ("", N, N),
        ],
    ),
    (
        "words:consonants",
        {},
        [
            ("Strong winds blast tall ships.", Y, Y),
            ("Strong winds blast a ship.", N, N),
            ("Strong winds — they don't stop.", Y, N),
            ("hmm hmm", N, Y),
            ("...", N, N),
            ("", N, N),
        ],
    ),
    (
        "words:palindrome",
        {},
        [
            (TEN, Y, Y),
            (TEN.replace("kayak", "canoe"), N, N),
            ("level " * 10, N, Y),
            ("11111 abcba " * 5, N, Y),
            ("", N, N),
        ],
    ),
    (
        "words:prime_lengths",
        {},
        [
            ("We see two proud animals.", Y, Y),  # 2 3 3 5 7
            ("We see two proud cats.", N, N),
            ("We see — two proud animals.", Y, N),
            ("go go", N, Y),
            ("...", N, Y),
            ("", N, N),
        ],
    ),
    (
        "words:start_verb",
        {},
        [
            ("Consider the sea at night.", Y, Y),
            ("Running water never freezes here.", Y, Y),
            ("Don't touch the hot stove.", Y, Y),
            ("Paris is a big city.", N, N),
            ('"Go" is what he said.', Y, N),
            ("Go", N, Y),
            ("", N, N),
        ],
    ),
    (
        "words:repeats",
        {"small_n": 2},
        [
            ("The sea, the wind and rain.", Y, Y),
            ("The sea, the wind and The rain.", N, N),
            ("Go, go and say “go” to them.", N, Y),  # “go” is another word
            ("go go", N, Y),
            ("...", N, Y),
            ("", N, N),
        ],
    ),
    (
        "words:odd_even_syllables",
        {},
        [
            ("The water was silver and open.", Y, Y),  # 1 2 1 2 1 2
            ("Water ran over stones very slowly.", N, N),  # 2 1 2 1 2 2
            ("The water was silver 4 water", N, N),
            ("go", N, Y),
            ("", N, N),
        ],
    ),
    (
        "words:last_first",
        {},
        [
            ("I love you. You love the sea. Sea is calm.", Y, Y),
            ("I love you. They love the sea.", N, N),
            ("I love you very much", N, Y),  # one sentence
            ("I love seas. Seas, my friend, are calm.", Y, N),
            ("Go. Go. Go.", N, N),
            ("", N, N),
        ],
    ),
    (
        "words:paragraph_last_first",
        {},
        [
            ("Seas are calm seas.\n\nWinds are low winds.", Y, Y),
            ("Seas are calm seas.\nWinds are low.", N, N),
            ("Seas, they say, are calm seas.", Y, N),
            ("Seas\nwinds\nstars\nsuns\nskies", N, Y),
            ("", N, N),
        ],
    ),
    (
        "words:no_consecutive",
        {},
        [
            ("The sea lies calm tonight.", Y, Y),
            ("The sea stays calm tonight.", N, N),
            ("The sea — stays calm tonight.", N, Y),
            ("go", N, Y),
            ("", N, N),
        ],
    ),
    (
        "words:keywords_specific_position",
        {"keyword": "sea", "n": 2, "m": 3},
        [
            ("It is night. Here the sea lies.", Y, Y),
            ("It is night. The sea lies here.", N, N),
            ("It is night. Here the Sea lies.", Y, N),
            ("It is night. Well, sea and wind lie.", N, Y),  # the comma is a token
            ("It is night. The sea.", N, N),
            ("Here the sea lies at night.", N, N),
            ("", N, N),
        ],
    ),
    (
        "words:words_position",
        {"keyword": "sea"},
        [
            ("The sea is a calm sea today.", Y, N),
            ("The sea is one calm sea.", N, Y),  # the stop is the last token
            ("The sea is a calm sea today", Y, Y),
            ("The Sea is a calm SEA today", Y, N),
            ("The wind is a calm sea today", N, N),
            ("a sea b", N, Y),
            ("sea", N, N),
            ("", N, N),
        ],
    ),
    (
        "sentence:alliteration_increment",
        {},
        [
            ("Seas lie here. Calm cats nap. Big bold bears eat.", Y, Y),
            ("Big bold bears eat. Calm cats nap.", N, N),
            ("Calm cats nap well. Big bears, old owls rest.", N, Y),  # 2 + 2 added up
            ("Seas lie here. Calm cats nap. Go go go now.", N, Y),
            ("Seas are very calm tonight.", N, Y),
            ("", N, N),
        ],
    ),
    (
        "sentence:keyword",
        {"word": "eat", "N": 2.0},
        [
            ("It is late. We eat now.", Y, Y),
            ("We eat now. It is late.", N, N),
            ("It is late. The heat is great.", N, Y),
            ("It is late and we eat.", N, N),
            ("eat. eat.", N, Y),
            ("", N, N),
        ],
    ),
    (
        "sentence:increment",
        {"small_n": 2},
        [
            ("Seas sleep. Winds blow over seas.", Y, Y),
            ("Seas sleep. Winds blow now.", N, N),
            ("Seas sleep. Winds blow over seas. Stars shine.", N, N),
            ("The seas are asleep now.", N, Y),
            ("# Night Seas\n\nNow the winds blow.", Y, Y),  # reference: one sentence
            ("...", N, Y),
            ("", N, N),
        ],
    ),
]


@pytest.mark.parametrize(
    ("kind", "parameters", "response", "fixed", "reference"),
    [(kind, given, *row) for kind, given, rows in CASES for row in rows],
)
def test_each_profile_judges_as_it_should(
    kind: str, parameters: dict[str, Any], response: str, fixed: bool, reference: bool
) -> None:
    one = asked(kind, parameters)
    found = {profile: one.outcome(response, profile).kept for profile in ("fixed", "reference")}
    assert found == {"fixed": fixed, "reference": reference}


def test_each_kind_is_kept_and_refused_and_its_differences_are_shown() -> None:
    found: dict[str, set[tuple[bool, bool]]] = {}
    for kind, _, rows in CASES:
        found.setdefault(kind, set()).update((fixed, reference) for _, fixed, reference in rows)
    assert len(found) == 30
    for kind, verdicts in found.items():
        assert {fixed for fixed, _ in verdicts} == {True, False}, kind
        assert {fixed == reference for fixed, reference in verdicts} == {True, False}, kind
