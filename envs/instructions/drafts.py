"""A text that keeps to instructions by construction: each kind says what the text needs, and then it is written.

Bounds from below (`at least 40 words`) are drawn first and sentences are added until they hold; bounds from above are
drawn first and raised where the text that the other instructions need is longer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rlvr_gym.envs.instructions.topics import (
    ENDINGS,
    FILLERS,
    POSTSCRIPTS,
    STARTED,
    STARTERS,
    WITH_PLACEHOLDER,
    WITH_WORD,
    Topic,
)
from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.verifiers.instructions.views import sentences, words

Parameters = dict[str, Any]
_STEPS = tuple(step for step in range(1, len(FILLERS)) if step % 2 and step % 3)  # coprime to 36


def request(topic: Topic) -> str:
    """The sentence that asks for a text."""
    return f"Write a short text about {topic.name}."


@dataclass(slots=True)
class Draft:
    """What a text needs so far.

    Args:
        topic: What it is about.
        free: Words of the topic that no instruction has used yet.
        turn: Where the sentences with a word or a placeholder begin.
        least: How many sentences the body must have.
        body: Sentences that must stand in it.
        least_words: How many words the body must have.
        letter: A letter, and how often the body must have it.
        shape: How the body is laid out: a key of `_SHAPES`.
        parts: How many parts the layout has.
        mark: What marks a part: the word before its number, or the sentence that must begin it.
        place: Which part that sentence begins.
        first: A line before the body.
        last: A line after it.
        highlights: How many sentences have a highlight.
        capitals: How many sentences have a word in capitals.
        case: What is done to the whole: `str.lower`, `str.upper` or nothing.
        quoted: Whether quotation marks stand around the whole.
    """

    topic: Topic
    free: list[str]
    turn: int
    least: int
    body: list[str] = field(default_factory=list)
    least_words: int = 0
    letter: tuple[str, int] = ("", 0)
    shape: str = "plain"
    parts: int = 1
    mark: str = ""
    place: int = 0
    first: str = ""
    last: str = ""
    highlights: int = 0
    capitals: int = 0
    case: Callable[[str], str] | None = None
    quoted: bool = False

    def word(self, rng: TaskRandom) -> str:
        """A word of the topic that is used for nothing else."""
        return self.free.pop(rng.below(len(self.free)))

    def mention(self, patterns: Sequence[str], fillings: Sequence[str]) -> None:
        """Have a sentence for each of these words, each of another pattern than the last ones."""
        for word in fillings:
            self.body.append(patterns[(self.turn + len(self.body)) % len(patterns)].format(word))

    def text(self, rng: TaskRandom) -> str:
        """Write it."""
        body = self._body(rng)
        for at in range(self.highlights):
            head, _, tail = body[at][:-1].rpartition(" ")
            body[at] = f"{head} *{tail}*."
        for at in range(self.capitals):
            head, _, tail = body[at].partition(" ")
            body[at] = f"{head.upper()} {tail}"
        lines = [line for line in (self.first, _SHAPES[self.shape](self, body), self.last) if line]
        whole = "\n".join(lines)
        whole = self.case(whole) if self.case else whole
        return f'"{whole}"' if self.quoted else whole

    def _body(self, rng: TaskRandom) -> list[str]:
        """The sentences that must stand in it, among others until every lower bound holds."""
        at, step = rng.below(len(FILLERS)), rng.choice(_STEPS)
        body = list(self.body)
        letter, wanted = self.letter
        total = sum(sentence.count(" ") + 1 for sentence in body)
        have = sum(sentence.lower().count(letter) for sentence in body) if wanted else 0
        needed = max(self.least, self.parts + 1, self.highlights, self.capitals)
        while len(body) < needed or total < self.least_words or have < wanted:
            filler = FILLERS[at % len(FILLERS)]
            at += step
            body.append(filler)
            total += filler.count(" ") + 1
            have += filler.lower().count(letter) if wanted else 0
        return body


def _split(body: list[str], parts: int) -> list[str]:
    size = len(body)
    return [" ".join(body[size * at // parts : size * (at + 1) // parts]) for at in range(parts)]


def _plain(draft: Draft, body: list[str]) -> str:
    return " ".join(body)


def _divided(draft: Draft, body: list[str]) -> str:
    return "\n***\n".join(_split(body, draft.parts))


def _blocks(draft: Draft, body: list[str]) -> str:
    blocks = _split(body, draft.parts)
    blocks[draft.place - 1] = f"{draft.mark} {blocks[draft.place - 1]}"
    return "\n\n".join(blocks)


def _listed(draft: Draft, body: list[str]) -> str:
    rest = len(body) - draft.parts
    return "\n".join([" ".join(body[:rest]), *(f"* {sentence}" for sentence in body[rest:])])


def _sections(draft: Draft, body: list[str]) -> str:
    parts = _split(body[1:], draft.parts)
    return "\n".join([body[0], *(f"{draft.mark} {number}\n{part}" for number, part in enumerate(parts, 1))])


def _json(draft: Draft, body: list[str]) -> str:
    return json.dumps({"text": " ".join(body)})


def _twice(draft: Draft, body: list[str]) -> str:
    return "\n******\n".join(_split(body, 2))


_SHAPES: Mapping[str, Callable[[Draft, list[str]], str]] = {
    "plain": _plain,
    "divided": _divided,
    "blocks": _blocks,
    "listed": _listed,
    "sections": _sections,
    "json": _json,
    "twice": _twice,
}


Plan = Callable[[Draft, TaskRandom], Parameters]


class Kind(NamedTuple):
    """One kind of instruction as it is composed with others.

    Args:
        hardness: From 1, the easiest, to 3.
        takes: What it claims of the text; two kinds that claim the same are not asked for together.
        plan: Draws the parameters and writes into the draft what the text needs.
        short: How the compact style asks for it.
        settle: Raises a bound from above until the finished text keeps to it.
        telling: Whether no one text keeps to most instructions of this kind: it takes a word or number of the task.
    """

    hardness: int
    takes: frozenset[str]
    plan: Plan
    short: str
    settle: Callable[[str, Parameters], None] | None = None
    telling: bool = False


def _nothing(draft: Draft, rng: TaskRandom) -> Parameters:
    return {}


def _lower(draft: Draft, rng: TaskRandom) -> Parameters:
    draft.case = str.lower
    return {}


def _upper(draft: Draft, rng: TaskRandom) -> Parameters:
    draft.case = str.upper
    return {}


def _title(draft: Draft, rng: TaskRandom) -> Parameters:
    draft.first = f"<<{draft.topic.name.capitalize()}>>"
    return {}


def _quoted(draft: Draft, rng: TaskRandom) -> Parameters:
    draft.quoted = True
    return {}


def _ending(draft: Draft, rng: TaskRandom) -> Parameters:
    draft.last = rng.choice(ENDINGS)
    return {"end_phrase": draft.last}


def _postscript(draft: Draft, rng: TaskRandom) -> Parameters:
    marker = rng.choice(("P.S.", "P.P.S"))
    draft.last = f"{marker} {rng.choice(POSTSCRIPTS)}"
    return {"postscript_marker": marker}


def _keywords(draft: Draft, rng: TaskRandom) -> Parameters:
    chosen = [draft.word(rng) for _ in range(rng.between(2, 3))]
    draft.mention(WITH_WORD, chosen)
    return {"keywords": chosen}


def _frequency(draft: Draft, rng: TaskRandom) -> Parameters:
    word, times = draft.word(rng), rng.between(2, 4)
    draft.mention(WITH_WORD, [word] * times)
    return {"keyword": word, "frequency": times, "relation": "at least"}


def _forbidden(draft: Draft, rng: TaskRandom) -> Parameters:
    return {"forbidden_words": [draft.word(rng) for _ in range(rng.between(2, 3))]}


def _placeholders(draft: Draft, rng: TaskRandom) -> Parameters:
    times = rng.between(2, 4)
    draft.mention(WITH_PLACEHOLDER, [""] * times)
    return {"num_placeholders": times}


def _highlights(draft: Draft, rng: TaskRandom) -> Parameters:
    draft.highlights = rng.between(2, 5)
    return {"num_highlights": draft.highlights}


def _capitals(draft: Draft, rng: TaskRandom) -> Parameters:
    draft.capitals = rng.between(2, 5)
    return {"capital_frequency": draft.capitals, "capital_relation": "at least"}


def _bullets(draft: Draft, rng: TaskRandom) -> Parameters:
    draft.shape, draft.parts = "listed", rng.between(2, 6)
    return {"num_bullets": draft.parts}


def _paragraphs(draft: Draft, rng: TaskRandom) -> Parameters:
    draft.shape, draft.parts = "divided", rng.between(2, 5)
    return {"num_paragraphs": draft.parts}


def _numbered(draft: Draft, rng: TaskRandom) -> Parameters:
    draft.shape, draft.parts = "sections", rng.between(2, 5)
    draft.mark = rng.choice(("Section", "Part", "Chapter", "Scene"))
    return {"section_spliter": draft.mark, "num_sections": draft.parts}


def _as_json(draft: Draft, rng: TaskRandom) -> Parameters:
    draft.shape = "json"
    return {}


def _two(draft: Draft, rng: TaskRandom) -> Parameters:
    draft.shape, draft.parts = "twice", 2
    return {}


def _nth(draft: Draft, rng: TaskRandom) -> Parameters:
    draft.shape, draft.parts = "blocks", rng.between(2, 5)
    draft.place = rng.between(1, draft.parts)
    starter = rng.choice(STARTERS)
    draft.mark = STARTED.format(starter.capitalize())
    return {"num_paragraphs": draft.parts, "nth_paragraph": draft.place, "first_word": starter}


def _repeat(draft: Draft, rng: TaskRandom) -> Parameters:
    draft.first = request(draft.topic)
    return {"prompt_to_repeat": draft.first}


def _words(draft: Draft, rng: TaskRandom) -> Parameters:
    if rng.below(2):
        return {"num_words": 30 + 5 * rng.below(7), "relation": "less than"}
    draft.least_words = 30 + 5 * rng.below(15)
    return {"num_words": draft.least_words, "relation": "at least"}


def _settle_words(text: str, parameters: Parameters) -> None:
    if parameters["relation"] == "less than":
        parameters["num_words"] = max(parameters["num_words"], len(words(text)) + 1)


def _sentences(draft: Draft, rng: TaskRandom) -> Parameters:
    if rng.below(2):
        return {"num_sentences": rng.between(4, 6), "relation": "less than"}
    draft.least = rng.between(5, 12)
    return {"num_sentences": draft.least, "relation": "at least"}


def _settle_sentences(text: str, parameters: Parameters) -> None:
    if parameters["relation"] == "less than":
        parameters["num_sentences"] = max(parameters["num_sentences"], len(sentences(text)) + 1)


def _letters(draft: Draft, rng: TaskRandom) -> Parameters:
    if rng.below(2):
        return {"letter": rng.choice("bcfgkpvwy"), "let_frequency": rng.between(3, 8), "let_relation": "less than"}
    letter, times = rng.choice("bcfgkpvwy"), rng.between(8, 16)
    draft.letter = (letter, times)
    return {"letter": letter, "let_frequency": times, "let_relation": "at least"}


def _settle_letters(text: str, parameters: Parameters) -> None:
    if parameters["let_relation"] == "less than":
        found = text.lower().count(parameters["letter"])
        parameters["let_frequency"] = max(parameters["let_frequency"], found + 1)


Settle = Callable[[str, Parameters], None]
_TELLING = frozenset(
    (
        "startend:end_checker",
        "keywords:existence",
        "keywords:frequency",
        "detectable_format:number_bullet_lists",
        "length_constraints:number_paragraphs",
        "detectable_format:multiple_sections",
        "combination:repeat_prompt",
        "length_constraints:nth_paragraph_first_word",
    )
)


def _kind(hardness: int, takes: str, plan: Plan, short: str, settle: Settle | None = None) -> Kind:
    return Kind(hardness, frozenset(takes.split()), plan, short, settle)


_KINDS: Mapping[str, Kind] = {
    "punctuation:no_comma": _kind(1, "", _nothing, "no comma"),
    "change_case:english_lowercase": _kind(1, "case", _lower, "lower case"),
    "change_case:english_capital": _kind(1, "case", _upper, "capitals"),
    "detectable_format:title": _kind(1, "start", _title, "<<title>>"),
    "startend:quotation": _kind(1, "wrap", _quoted, 'in ""'),
    "startend:end_checker": _kind(1, "end", _ending, "end: {end_phrase}"),
    "detectable_content:postscript": _kind(1, "end", _postscript, "{postscript_marker}"),
    "keywords:existence": _kind(1, "", _keywords, "use {keywords}"),
    "keywords:forbidden_words": _kind(1, "", _forbidden, "avoid {forbidden_words}"),
    "keywords:frequency": _kind(2, "", _frequency, "{relation} {frequency} {keyword}"),
    "detectable_content:number_placeholders": _kind(2, "", _placeholders, "{num_placeholders} [x]"),
    "detectable_format:number_highlighted_sections": _kind(2, "", _highlights, "{num_highlights} *x*"),
    "detectable_format:number_bullet_lists": _kind(2, "shape", _bullets, "{num_bullets} items"),
    "length_constraints:number_paragraphs": _kind(2, "shape", _paragraphs, "{num_paragraphs} parts ***"),
    "detectable_format:multiple_sections": _kind(2, "shape", _numbered, "{num_sections} x {section_spliter} 1"),
    "detectable_format:json_format": _kind(2, "shape start wrap end", _as_json, "json"),
    "combination:repeat_prompt": _kind(2, "start case wrap", _repeat, "repeat: {prompt_to_repeat}"),
    "length_constraints:number_sentences": _kind(
        2, "length", _sentences, "{relation} {num_sentences} sentences", _settle_sentences
    ),
    "length_constraints:number_words": _kind(3, "length", _words, "{relation} {num_words} words", _settle_words),
    "keywords:letter_frequency": _kind(
        3, "letters", _letters, "{let_relation} {let_frequency} of {letter}", _settle_letters
    ),
    "length_constraints:nth_paragraph_first_word": _kind(
        3, "shape start", _nth, "{num_paragraphs} paragraphs; {nth_paragraph}: {first_word}"
    ),
    "change_case:capital_word_frequency": _kind(
        3, "case", _capitals, "{capital_relation} {capital_frequency} CAPITALS"
    ),
    "combination:two_responses": _kind(3, "shape", _two, "two, ******"),
}

KINDS: Mapping[str, Kind] = {name: kind._replace(telling=name in _TELLING) for name, kind in _KINDS.items()}
