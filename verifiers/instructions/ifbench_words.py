"""IFBench, words: first letters, vowels, consonants, lengths, repetition, syllables, positions."""

from __future__ import annotations

import string
from collections import Counter
from itertools import pairwise

from rlvr_gym.verifiers.instructions.constraint import Instruction, Outcome, Parameters
from rlvr_gym.verifiers.instructions.ifbench_syllables import official_syllables, syllables
from rlvr_gym.verifiers.instructions.ifbench_tables import PALINDROMES
from rlvr_gym.verifiers.instructions.ifbench_text import (
    EDGES,
    Content,
    Official,
    bare,
    first_fault,
    official_sentences,
    official_tokens,
    plain,
    spaced,
)
from rlvr_gym.verifiers.instructions.ifbench_verbs import is_verb_form
from rlvr_gym.verifiers.instructions.parameters import Reads, Sentence, compared, count, one_word
from rlvr_gym.verifiers.instructions.views import has_word, lines, paragraphs, sentences, words

_ALPHABET = string.ascii_lowercase
_VOWELS = frozenset("aeiou")
_CONSONANTS = frozenset(_ALPHABET) - _VOWELS
_PRIMES = frozenset(n for n in range(2, 98) if all(n % factor for factor in range(2, n)))

# --- first letters ------------------------------------------------------------------------------------------------


def _alphabet(response: str, _: Parameters) -> Outcome:
    found = [plain(word)[:1] for word in spaced(response)]
    start = _ALPHABET.find(found[0])
    for place, letter in enumerate(found):
        wanted = _ALPHABET[(start + place) % 26]
        if start < 0 or letter != wanted:
            return Outcome(False, f"word {place + 1} begins with {letter!r}, needed {wanted!r}")
    return Outcome(True, f"all {len(found)} words follow the alphabet")


def _alphabet_official(response: str, _: Parameters) -> bool:
    found = bare(response).split()
    start = _ALPHABET.find(found[0][0].lower()) if found else -1
    return start >= 0 and all(
        word.lower()[0] == _ALPHABET[(start + place) % 26] for place, word in enumerate(found[1:], 1)
    )


def _no_consecutive(response: str, _: Parameters) -> Outcome:
    found = spaced(response)
    pairs = [f"{a} {b}" for a, b in pairwise(found) if plain(a)[:1] == plain(b)[:1]]
    return first_fault(pairs, "pairs of neighbours with one first letter")


def _no_consecutive_official(response: str, _: Parameters) -> bool:
    found = bare(response.lower()).split()
    return all(a[0] != b[0] for a, b in pairwise(found))


# --- vowels and consonants ----------------------------------------------------------------------------------------


def _vowels(response: str, _: Parameters) -> Outcome:
    if (blocks := len(paragraphs(response))) != 1:
        return Outcome(False, f"found {blocks} paragraphs, needed 1")
    found = sorted(_VOWELS & set(plain(response)))
    return Outcome(1 <= len(found) <= 3, f"found {len(found)} vowels ({', '.join(found)}), needed 1 to 3")


def _vowels_official(response: str, _: Parameters) -> bool:
    return "\n" not in response.strip() and len(_VOWELS & set(response.lower())) <= 3


def _has_cluster(word: str) -> bool:
    return any(a in _CONSONANTS and b in _CONSONANTS for a, b in pairwise(word))


def _consonants(response: str, _: Parameters) -> Outcome:
    without = [word for word in response.split() if has_word(word) and not _has_cluster(_joined(plain(word)))]
    return first_fault(without, "words without two consonants together")


def _joined(word: str) -> str:
    return word.replace("'", "").replace("’", "")


def _consonants_official(response: str, _: Parameters) -> bool:
    return all(_has_cluster(word) for word in response.lower().split())


# --- single words -------------------------------------------------------------------------------------------------


def _palindromes(response: str, _: Parameters) -> Outcome:
    found = {word.lower() for word in (*spaced(response), *words(response))} & PALINDROMES
    return compared(len(found), "at least", 10, "different palindromes of five letters or more")


def _palindromes_official(response: str, _: Parameters) -> bool:
    return sum(len(word) >= 5 and word == word[::-1] for word in bare(response).lower().split()) >= 10


def _primes(response: str, _: Parameters) -> Outcome:
    return first_fault([word for word in spaced(response) if len(word) not in _PRIMES], "words of no prime length")


def _primes_official(response: str, _: Parameters) -> bool:
    return all(len(word) in _PRIMES for word in bare(response).split())


def _start_verb(response: str, _: Parameters) -> Outcome:
    first = words(response)[0]
    kept = is_verb_form(first)
    return Outcome(kept, f"the first word {first!r:.40} {'can be' if kept else 'is not known as'} a verb")


def _start_verb_official(response: str, _: Parameters) -> bool:
    return is_verb_form(next(official_tokens(response), ""))


def _repeats(response: str, parameters: Parameters) -> Outcome:
    (word, times), *_ = Counter(word.lower() for word in words(response)).most_common(1)
    most = parameters["small_n"]
    return Outcome(times <= most, f"found {word!r:.40} {times} times, needed at most {most}")


def _repeats_official(response: str, parameters: Parameters) -> bool:
    return all(times <= parameters["small_n"] for times in Counter(bare(response.lower()).split()).values())


def _syllables(response: str, _: Parameters) -> Outcome:
    found = spaced(response)
    counts = [syllables(word) for word in found]
    for place, number in enumerate(counts):
        if not number:
            return Outcome(False, f"the syllables of {found[place]!r:.40} cannot be counted")
        if place and number % 2 == counts[place - 1] % 2:
            return Outcome(False, f"words {place} and {place + 1} have {counts[place - 1]} and {number} syllables")
    return Outcome(True, f"all {len(found)} words alternate")


def _syllables_official(response: str, _: Parameters) -> bool:
    odd = [official_syllables(word) % 2 for word in bare(response).lower().split()]
    return all(a != b for a, b in pairwise(odd))


# --- last and first words -----------------------------------------------------------------------------------------


def _last_first(response: str, _: Parameters) -> Outcome:
    found = [words(sentence) for sentence in sentences(response)]
    if len(found) < 2 or min(map(len, found)) < 2:
        return Outcome(False, "needed at least two sentences, each of two words or more")
    for place, (this, following) in enumerate(pairwise(found), 1):
        if this[-1].lower() != following[0].lower():
            return Outcome(
                False, f"sentence {place} ends in {this[-1]!r:.40}, the next begins with {following[0]!r:.40}"
            )
    return Outcome(True, f"all {len(found)} sentences are linked")


def _last_first_official(response: str, _: Parameters) -> bool:
    found = official_sentences(response)
    ends = [sentence.rstrip(EDGES).lower().split()[-1:] for sentence in found[:-1]]
    starts = [sentence.lstrip(EDGES).lower().split()[:1] for sentence in found[1:]]
    return all(ends) and ends == starts


def _paragraph_ends(response: str, _: Parameters) -> Outcome:
    found = [inside for line in lines(response) if (inside := words(line.lower()))]
    for place, inside in enumerate(found, 1):
        if len(inside) < 3:
            return Outcome(False, f"paragraph {place} has {len(inside)} words, needed at least 3")
        if inside[0] != inside[-1]:
            return Outcome(False, f"paragraph {place} begins with {inside[0]!r:.40} and ends with {inside[-1]!r:.40}")
    return Outcome(True, f"all {len(found)} paragraphs end as they begin")


def _paragraph_ends_official(response: str, _: Parameters) -> bool:
    found = [line.strip().lower().strip(EDGES).split() for line in response.split("\n")]
    return all(inside[0] == inside[-1] for inside in found if inside)


# --- positions ----------------------------------------------------------------------------------------------------


def _specific_position(response: str, parameters: Parameters) -> Outcome:
    found, n, m = sentences(response), parameters["n"], parameters["m"]
    if len(found) < n:
        return compared(len(found), "at least", n, "sentences")
    inside = words(found[n - 1])
    if len(inside) < m:
        return compared(len(inside), "at least", m, f"words in sentence {n}")
    kept = inside[m - 1].lower() == parameters["keyword"].lower()
    return Outcome(kept, f"word {m} of sentence {n} is {inside[m - 1]!r:.40}")


def _specific_position_official(response: str, parameters: Parameters) -> bool:
    found, n, m = official_sentences(response), parameters["n"], parameters["m"]
    return len(found) >= n and list(official_tokens(found[n - 1]))[m - 1 : m] == [parameters["keyword"]]


def _second_words(response: str, parameters: Parameters) -> Outcome:
    found, keyword = words(response), parameters["keyword"].lower()
    kept = found[1].lower() == found[-2].lower() == keyword
    return Outcome(kept, f"the second word is {found[1]!r:.40}, the second to last {found[-2]!r:.40}")


def _second_words_official(response: str, parameters: Parameters) -> bool:
    found = list(official_tokens(response))
    return len(found) >= 2 and found[1] == found[-2] == parameters["keyword"]


_ONE_WORD_PASSES = "A response of a single word, or of one word over and over, passes."

WORDS = (
    Instruction(
        "words:alphabet",
        Reads(),
        Sentence("Begin each word with the letter of the alphabet that follows that of the word before; A follows Z."),
        Content(_alphabet),
        Official(_alphabet_official),
        ("A response of a single word passes.", "A dash that stands alone counts as a word, and fails."),
    ),
    Instruction(
        "words:vowel",
        Reads(),
        Sentence("Write one paragraph in whose words no more than three of the vowels a, e, i, o, u occur."),
        Content(_vowels),
        Official(_vowels_official),
        (
            "A response without a vowel or without words passes.",
            "Vowels with an accent are none.",
            "A paragraph broken into lines is more than one.",
        ),
    ),
    Instruction(
        "words:consonants",
        Reads(),
        Sentence("Use only words that hold two or more consonants in a row."),
        Content(_consonants),
        Official(_consonants_official),
        (
            "Punctuation that stands alone counts as a word, and fails.",
            "Consonants around an apostrophe are not together.",
            _ONE_WORD_PASSES,
        ),
    ),
    Instruction(
        "words:palindrome",
        Reads(),
        Sentence("Use at least ten palindromes, each one word of five letters or more."),
        _palindromes,
        Official(_palindromes_official),
        (
            "One palindrome ten times passes.",
            "Any letters and digits that read the same backwards count: `abcba`, `11111`.",
        ),
    ),
    Instruction(
        "words:prime_lengths",
        Reads(),
        Sentence("Use only words whose number of letters is prime."),
        Content(_primes),
        Official(_primes_official),
        ("Punctuation outside ASCII counts: a dash alone is a word of length 1.", _ONE_WORD_PASSES),
    ),
    Instruction(
        "words:start_verb",
        Reads(),
        Sentence("Begin the response with a verb."),
        Content(_start_verb),
        Official(_start_verb_official),
        (
            "A trained tagger decides, and errs at the beginning of sentences; a table of verbs stands in for it.",
            "Punctuation before the first word is looked at in its place.",
            "A response of a single verb passes.",
        ),
        exact=False,
    ),
    Instruction(
        "words:repeats",
        Reads({"small_n": count}),
        Sentence("Use no word more than {small_n} times."),
        Content(_repeats),
        Official(_repeats_official),
        ("A word with a typographic mark is another word: `“go` and `go`.", "A response of a single word passes."),
    ),
    Instruction(
        "words:odd_even_syllables",
        Reads(),
        Sentence("Alternate between words of an odd and of an even number of syllables."),
        Content(_syllables),
        Official(_syllables_official),
        (
            "A list of words decides, which is not bundled; the rule for words outside it stands in.",
            "Words with digits have no syllables, an even number.",
            "A response of a single word passes.",
        ),
        exact=False,
    ),
    Instruction(
        "words:last_first",
        Reads(),
        Sentence("Begin each sentence with the last word of the sentence before."),
        Content(_last_first),
        Official(_last_first_official),
        (
            "A response of a single sentence passes.",
            "A mark after the first word makes it another word: `I love seas. Seas, too, love` fails.",
        ),
    ),
    Instruction(
        "words:paragraph_last_first",
        Reads(),
        Sentence("End each paragraph with the word that it begins with; separate paragraphs by line breaks."),
        Content(_paragraph_ends),
        Official(_paragraph_ends_official),
        (
            "A paragraph of a single word passes.",
            "A mark after the first word makes it another word: `Go, I said, go` fails.",
        ),
    ),
    Instruction(
        "words:no_consecutive",
        Reads(),
        Sentence("Use no two neighbouring words with the same first letter."),
        Content(_no_consecutive),
        Official(_no_consecutive_official),
        ("A response of a single word passes.", "A dash between two words separates them."),
    ),
    Instruction(
        "words:keywords_specific_position",
        Reads({"keyword": one_word, "n": count, "m": count}),
        Sentence("Use the word {keyword} in sentence {n}, as word {m} of that sentence."),
        Content(_specific_position),
        Official(_specific_position_official),
        ("Punctuation marks and pieces of contractions count as words.", "Case matters."),
        exact=False,
    ),
    Instruction(
        "words:words_position",
        Reads({"keyword": one_word}),
        Sentence("Use the word {keyword} as the second word and as the second to last word of the response."),
        Content(_second_words),
        Official(_second_words_official),
        (
            "Punctuation marks count as words: before a full stop at the end, the keyword must be the last word.",
            "Case matters.",
        ),
        exact=False,
    ),
)
