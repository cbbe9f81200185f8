"""Generated worlds for `ToolSearch`: people, towns, works and organisations with invented names, and facts about them.

A world is a function of its number and its size alone. One document describes each thing; some facts are told a second
time where the other thing is described; notes name things and tell no fact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple, TypeVar

from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.envs.search_relations import (
    ASIDES,
    BY_KEY,
    CLOSINGS,
    FROM,
    KINDS,
    NOTES,
    OPENINGS,
    RELATIONS,
    TRADES,
    Relation,
)
from rlvr_gym.envs.tools.corpus import Corpus, Document

T = TypeVar("T")

MIN_ENTITIES, MAX_ENTITIES, MAX_DISTRACTORS = 20, 400, 1_000
WORLDS_KEPT = 64

_SHARES = {"person": 40, "town": 20, "work": 20, "organisation": 20}  # of a hundred things
_ECHOED = 3  # one fact in three is told twice
_FIRST_YEAR, _LAST_YEAR = 1100, 1899
_ONSETS = "b br c cl d dr f g gr h j k kr l m n p pr r s st t th tr v w z".split()
_VOWELS = "a e i o u a e i o u ai ea ie ou".split()
_CODAS = ["", "", *"l m n r s th rn ld nd sk v x".split()]
_TOWN_ENDS = "holm mouth wick field haven stead brook gate".split()
_HOUSES = "Press Academy Company Observatory Archive Theatre Museum Society Foundry Library".split()
_ADJECTIVES = (
    "Silent Golden Broken Hidden Crimson Distant Frozen Hollow Burning Patient Restless Narrow Velvet Bitter Wandering "
    "Forgotten Iron Paper Salted Crooked Gentle Painted Drowned Northern Sleeping"
).split()
_NOUNS = (
    "Orchard Harbour Lantern Ladder Mirror Garden Compass River Winter Bridge Tower Letter Feather Kitchen Island "
    "Candle Anchor Window Meadow Staircase Violin Ferry Clock Shepherd Chimney"
).split()


class Fact(NamedTuple):
    """One fact, and the documents that tell it, the description of its subject first."""

    subject: str
    relation: Relation
    object: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class World:
    """What there is, what is known of it, and the documents that tell it.

    Args:
        kinds: Name to kind.
        facts: What is known, by subject and key of the relation.
        documents: In the order of their ids.
        described: Name to the id of its description.
        mentions: Id of a document to the names and literals in it.

    Example:
        >>> world = make_world(0, 40, 10)
        >>> len(world.kinds), len(world.documents)
        (40, 50)
        >>> fact = world.facts["The Patient Violin", "author"]
        >>> fact.object, world.kinds[fact.object], fact.object in world.mentions[fact.sources[0]]
        ('Woclen Trealiclend', 'person', True)
    """

    kinds: Mapping[str, str]
    facts: Mapping[tuple[str, str], Fact]
    documents: tuple[Document, ...]
    described: Mapping[str, str]
    mentions: Mapping[str, frozenset[str]]

    @cached_property
    def corpus(self) -> Corpus:
        """The documents with their index, which all episodes in this world share."""
        return Corpus(self.documents)

    def follow(self, start: str, keys: Sequence[str]) -> list[Fact] | None:
        """The facts that lead from a thing along relations; None where the way ends before or comes back."""
        facts: list[Fact] = []
        here, seen = start, {start}
        for key in keys:
            fact = self.facts.get((here, key))
            if fact is None or fact.object in seen:
                return None
            facts.append(fact)
            here = fact.object
            seen.add(here)
        return facts


@lru_cache(maxsize=WORLDS_KEPT)
def make_world(number: int, entities: int, distractors: int) -> World:
    """The world of this number; kept, since a group of episodes asks for the same one many times.

    Args:
        number: Which one.
        entities: How many people, towns, works and organisations there are together.
        distractors: How many notes there are besides their descriptions.
    """
    rng = TaskRandom(b"ToolSearch|world|%d|%d|%d" % (number, entities, distractors))
    kinds = _named(rng, entities)
    objects = _related(rng, kinds)
    ids = [f"d{place + 1}" for place in range(entities + distractors)]
    order = shuffled(rng, ids)
    described = dict(zip(kinds, order, strict=False))
    facts = {}
    for (subject, key), found in objects.items():
        sources = [described[subject]]
        if found in kinds and rng.below(_ECHOED) == 0:
            sources.append(described[found])
        facts[subject, key] = Fact(subject, BY_KEY[key], found, tuple(sources))
    echoes: dict[str, list[Fact]] = {}
    for fact in facts.values():
        if len(fact.sources) > 1:
            echoes.setdefault(fact.object, []).append(fact)
    of_kind = {kind: [name for name, one in kinds.items() if one == kind] for kind in KINDS}
    pages = []
    for name, kind in kinds.items():
        own = [facts[name, relation.key] for relation in FROM[kind] if (name, relation.key) in facts]
        other = rng.choice([one for one in of_kind[kind] if one != name])
        pages.append(_description(rng, Document(described[name], name, ""), own, echoes.get(name, ()), other))
    pages += [_note(rng, kinds, identifier) for identifier in order[entities:]]
    pages.sort(key=lambda page: int(page.document.id[1:]))
    mentions = {page.document.id: page.names for page in pages}
    return World(kinds, facts, tuple(page.document for page in pages), described, mentions)


class _Page(NamedTuple):
    """A document and the names in it."""

    document: Document
    names: frozenset[str]


def shuffled(rng: TaskRandom, items: Sequence[T]) -> list[T]:
    """The items in a random order (Fisher and Yates)."""
    mixed = list(items)
    for place in range(len(mixed) - 1, 0, -1):
        other = rng.below(place + 1)
        mixed[place], mixed[other] = mixed[other], mixed[place]
    return mixed


def short(name: str, kind: str) -> str:
    """What a description calls its subject after the first sentence: people by their first name."""
    return name.split()[0] if kind == "person" else name


def _named(rng: TaskRandom, entities: int) -> dict[str, str]:
    """Names and their kinds. First names, surnames and the words of titles recur; no two names are the same."""
    used: set[str] = set()
    counts = {kind: entities * share // 100 for kind, share in _SHARES.items()}
    counts["person"] += entities - sum(counts.values())
    first = [_word(rng, used, 2) for _ in range(2 + counts["person"] // 3)]
    last = [_word(rng, used, 3) for _ in range(2 + counts["person"] // 2)]
    houses = [_word(rng, used, 2) for _ in range(2 + counts["organisation"] // 2)]
    makers = {
        "person": lambda: f"{rng.choice(first)} {rng.choice(last)}",
        "town": lambda: _word(rng, used, 1) + rng.choice(_TOWN_ENDS),
        "work": lambda: f"The {rng.choice(_ADJECTIVES)} {rng.choice(_NOUNS)}",
        "organisation": lambda: f"{rng.choice(houses)} {rng.choice(_HOUSES)}",
    }
    kinds: dict[str, str] = {}
    for kind in KINDS:
        wanted = len(kinds) + counts[kind]
        while len(kinds) < wanted:
            kinds.setdefault(makers[kind](), kind)
    return kinds


def _word(rng: TaskRandom, used: set[str], syllables: int) -> str:
    """An invented word that was not used before."""
    while True:
        parts = [rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(syllables)]
        word = ("".join(parts) + rng.choice(_CODAS)).capitalize()
        if len(word) > 3 and word not in used:
            used.add(word)
            return word


def _related(rng: TaskRandom, kinds: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """Subject and key of every fact, with what it leads to."""
    of_kind = {kind: [name for name, one in kinds.items() if one == kind] for kind in KINDS}
    used = {word for name in kinds for word in name.split()}
    rivers = [_word(rng, used, 2) for _ in range(2 + len(of_kind["town"]))]
    objects: dict[tuple[str, str], str] = {}
    for relation in RELATIONS:
        for subject in of_kind[relation.subject]:
            if relation.object == "year":
                objects[subject, relation.key] = str(rng.between(_FIRST_YEAR, _LAST_YEAR))
            elif relation.object == "river":
                objects[subject, relation.key] = rng.choice(rivers)
            elif relation.key != "masterpiece":
                others = [name for name in of_kind[relation.object] if name != subject]
                objects[subject, relation.key] = rng.choice(others)
    for work in of_kind["work"]:  # a best-known work is by the one whose it is
        objects.setdefault((objects[work, "author"], "masterpiece"), work)
    return objects


def _description(rng: TaskRandom, blank: Document, own: Sequence[Fact], echoes: Sequence[Fact], other: str) -> _Page:
    """What is known of the thing that the title names, what is known of others and leads to it, and another thing."""
    name, kind = blank.title, own[0].relation.subject
    sentences = [_told(rng.choice(fact.relation.tellings), fact) for fact in own]
    sentences += [_told(rng.choice(fact.relation.echoes), fact) for fact in echoes]
    opening = rng.choice(OPENINGS[kind]).format(x=name, trade=rng.choice(TRADES))
    closing = rng.choice(CLOSINGS).format(z=other)
    text = " ".join([opening, *shuffled(rng, sentences), closing])
    names = {name, other, *(fact.object for fact in own), *(fact.subject for fact in echoes)}
    return _Page(blank._replace(text=text), frozenset(names))


def _told(template: str, fact: Fact) -> str:
    return template.format(x=fact.subject, s=short(fact.subject, fact.relation.subject), y=fact.object)


def _note(rng: TaskRandom, kinds: Mapping[str, str], identifier: str) -> _Page:
    everything, names, sentences = list(kinds), set(), []
    for _ in range(rng.between(3, 5)):
        name = rng.choice(everything)
        phrases = [relation.phrase for relation in FROM[kinds[name]] if relation.phrase]
        phrase = rng.choice(phrases).format(x=name)
        sentences.append(rng.choice(ASIDES).format(phrase=phrase, z=name, trade=rng.choice(TRADES)))
        names.add(name)
    year = str(rng.between(_FIRST_YEAR, _LAST_YEAR))
    title = rng.choice(NOTES).format(year=year)
    return _Page(Document(identifier, title, " ".join(sentences)), frozenset([*names, year]))
