"""IFBench, sentences and shares of a text: alliteration, keywords, growing lengths, kinds of sentences, overlap."""

from __future__ import annotations

import re
from itertools import pairwise

from rlvr_gym.verifiers.instructions.constraint import Instruction, Outcome, Parameters
from rlvr_gym.verifiers.instructions.ifbench_text import EDGES, Content, Official, bare, official_sentences, plain
from rlvr_gym.verifiers.instructions.parameters import Reads, Sentence, compared, count, text
from rlvr_gym.verifiers.instructions.views import sentences, words

# --- sentence:alliteration_increment ------------------------------------------------------------------------------


def _longest_run(found: list[str]) -> int:
    """Of neighbouring words with one first letter; a word that repeats the one before it adds nothing."""
    longest = run = 1
    for a, b in pairwise(found):
        if a[:1] != b[:1]:
            run = 1
        elif a != b:
            run += 1
        longest = max(longest, run)
    return longest


def _alliteration(response: str, _: Parameters) -> Outcome:
    runs = [_longest_run(words(plain(sentence))) for sentence in sentences(response)]
    if len(runs) < 2:
        return compared(len(runs), "at least", 2, "sentences")
    kept = all(a < b for a, b in pairwise(runs))
    return Outcome(kept, f"the longest alliterations of the sentences have {', '.join(map(str, runs[:20]))} words")


def _alliterating(sentence: str) -> int:
    firsts = [word[0] for token in sentence.lower().split() if (word := token.lstrip(EDGES))]
    same = [a == b for a, b in pairwise(firsts)]
    return sum(same) + sum(now and not before for before, now in pairwise([False, *same]))


def _alliteration_official(response: str, _: Parameters) -> bool:
    return all(a < b for a, b in pairwise(map(_alliterating, official_sentences(response))))


# --- sentence:keyword ---------------------------------------------------------------------------------------------


def _keyword(response: str, parameters: Parameters) -> Outcome:
    found, place = sentences(response), parameters["N"]
    if len(found) < place:
        return compared(len(found), "at least", place, "sentences")
    keyword = re.escape(parameters["word"].lower())
    kept = re.search(rf"(?<!\w){keyword}(?!\w)", found[place - 1].lower()) is not None
    return Outcome(kept, f"{parameters['word']!r:.40} is {'' if kept else 'not '}in sentence {place}")


def _keyword_official(response: str, parameters: Parameters) -> bool:
    found, place = official_sentences(response), parameters["N"]
    return len(found) >= place and parameters["word"].lower() in found[place - 1].lower()


# --- sentence:increment -------------------------------------------------------------------------------------------


def _increment(response: str, parameters: Parameters) -> Outcome:
    lengths = [len(words(sentence)) for sentence in sentences(response)]
    if len(lengths) < 2:
        return compared(len(lengths), "at least", 2, "sentences")
    kept = all(b - a == parameters["small_n"] for a, b in pairwise(lengths))
    return Outcome(kept, f"the sentences have {', '.join(map(str, lengths[:20]))} words")


def _increment_official(response: str, parameters: Parameters) -> bool:
    lengths = [len(bare(sentence).split()) for sentence in official_sentences(response)]
    return all(b - a == parameters["small_n"] for a, b in pairwise(lengths))


SENTENCE = (
    Instruction(
        "sentence:alliteration_increment",
        Reads(),
        Sentence("Write sentences each of which has a longer run of alliterating words than the sentence before."),
        Content(_alliteration),
        Official(_alliteration_official),
        (
            "All alliterating words of a sentence are added up, not those of its longest run.",
            "A word that is repeated alliterates with itself.",
            "A response of a single sentence passes.",
        ),
    ),
    Instruction(
        "sentence:keyword",
        Reads({"word": text, "N": count}),
        Sentence("Use the word {word} in sentence {N}."),
        Content(_keyword),
        Official(_keyword_official),
        ("The keyword inside a longer word counts.", "Sentences of nothing but the keyword pass."),
    ),
    Instruction(
        "sentence:increment",
        Reads({"small_n": count}),
        Sentence("Write sentences each of which has exactly {small_n} words more than the sentence before."),
        Content(_increment),
        Official(_increment_official),
        ("A response of a single sentence passes.", "A line break ends no sentence, so a heading belongs to the next."),
    ),
)
