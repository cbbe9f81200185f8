"""What can be said of people, towns, works and organisations in the worlds of `ToolSearch`, and in which words.

Every relation leads from one thing to exactly one other, so whatever is asked by following relations has one answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

KINDS = ("person", "town", "work", "organisation")
LITERALS = ("year", "river")


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation. In its texts `{x}` is where it begins, `{s}` the same in short, `{y}` where it leads.

    Args:
        key: Its name.
        subject: Kind of what it begins with.
        object: Kind of what it leads to; `"year"` and `"river"` lead no further.
        phrase: What it leads to, as a part of a longer question; empty where it leads no further.
        questions: Ways to ask for it.
        tellings: Ways to tell it where `{x}` is described.
        echoes: Ways to tell it where `{y}` is described.
    """

    key: str
    subject: str
    object: str
    phrase: str
    questions: Sequence[str]
    tellings: Sequence[str]
    echoes: Sequence[str] = ()


RELATIONS = (
    Relation(
        "author",
        "work",
        "person",
        "the author of {x}",
        ("Who wrote {x}?", "Who is the author of {x}?"),
        ("{x} was written by {y}.", "The author of {x} is {y}.", "It was {y} who wrote it."),
        ("{y} is the author of {x}.", "{x} is a work of {y}."),
    ),
    Relation(
        "publisher",
        "work",
        "organisation",
        "the publisher of {x}",
        ("Which organisation published {x}?", "Who is the publisher of {x}?"),
        ("It was published by {y}.", "{y} brought it out.", "The first edition came from {y}."),
        ("{y} published {x}.", "{x} came out with {y}."),
    ),
    Relation(
        "setting",
        "work",
        "town",
        "the town in which {x} is set",
        ("In which town is {x} set?", "In which town does the story of {x} take place?"),
        ("It is set in {y}.", "The story takes place in {y}.", "{y} is the scene of the story."),
        ("{x} is set in {y}.", "{y} is the scene of {x}."),
    ),
    Relation(
        "appeared",
        "work",
        "year",
        "",
        ("In which year did {x} appear?", "In which year was {x} published?"),
        ("It appeared in {y}.", "It first came out in {y}.", "{x} was published in {y}."),
    ),
    Relation(
        "birthplace",
        "person",
        "town",
        "the birthplace of {x}",
        ("In which town was {x} born?", "What is the birthplace of {x}?"),
        ("{x} was born in {y}.", "{s} came into the world in {y}.", "{s} is a native of {y}."),
        ("{y} is the birthplace of {x}.", "{x} is a native of {y}."),
    ),
    Relation(
        "born",
        "person",
        "year",
        "",
        ("In which year was {x} born?", "What is the year of birth of {x}?"),
        ("{s} was born in {y}.", "The year of birth of {x} is {y}.", "{s} came into the world in {y}."),
    ),
    Relation(
        "teacher",
        "person",
        "person",
        "the teacher of {x}",
        ("Who taught {x}?", "Who was the teacher of {x}?"),
        ("{s} was taught by {y}.", "{s} learned the craft from {y}.", "The teacher of {x} was {y}."),
        ("{y} taught {x}.", "Among the pupils of {y} was {x}."),
    ),
    Relation(
        "employer",
        "person",
        "organisation",
        "the organisation that employed {x}",
        ("Which organisation employed {x}?", "For which organisation did {x} work?"),
        ("{s} was employed by {y}.", "{s} spent a working life at {y}.", "{y} employed {s} for many years."),
        ("{y} employed {x}.", "{x} worked for {y}."),
    ),
    Relation(
        "masterpiece",
        "person",
        "work",
        "the best-known work of {x}",
        ("What is the best-known work of {x}?", "Which work made {x} famous?"),
        ("The best-known work of {x} is {y}.", "{s} is remembered above all for {y}.", "{y} made {s} famous."),
        ("{y} is the best-known work of {x}.", "{x} became famous with {y}."),
    ),
    Relation(
        "mayor",
        "town",
        "person",
        "the mayor of {x}",
        ("Who is the mayor of {x}?", "Who governs {x} as its mayor?"),
        ("The mayor of {x} is {y}.", "{y} is its mayor.", "It is governed by its mayor, {y}."),
        ("{y} is the mayor of {x}.", "{y} governs {x} as its mayor."),
    ),
    Relation(
        "mill",
        "town",
        "organisation",
        "the largest employer in {x}",
        ("Which organisation is the largest employer in {x}?", "What is the largest employer in {x}?"),
        ("Its largest employer is {y}.", "Most people here work for {y}.", "{y} is the largest employer in {x}."),
        ("It is {y} that most people in {x} work for.", "{x} has no larger employer than {y}."),
    ),
    Relation(
        "river",
        "town",
        "river",
        "",
        ("On which river does {x} lie?", "Which river runs through {x}?"),
        ("{x} lies on the river {y}.", "The river {y} runs through it.", "It stands on the banks of the river {y}."),
    ),
    Relation(
        "charter",
        "town",
        "year",
        "",
        ("In which year did {x} receive its charter?", "From which year is the charter of {x}?"),
        ("It received its charter in {y}.", "Its charter dates from {y}.", "{x} has had a charter since {y}."),
    ),
    Relation(
        "founder",
        "organisation",
        "person",
        "the founder of {x}",
        ("Who founded {x}?", "Who is the founder of {x}?"),
        ("{x} was founded by {y}.", "Its founder is {y}.", "{y} founded it."),
        ("{y} founded {x}.", "{y} is the founder of {x}."),
    ),
    Relation(
        "director",
        "organisation",
        "person",
        "the director of {x}",
        ("Who directs {x}?", "Who is the director of {x}?"),
        ("Its director is {y}.", "{y} directs it.", "It is led by its director, {y}."),
        ("{y} directs {x}.", "{y} is the director of {x}."),
    ),
    Relation(
        "seat",
        "organisation",
        "town",
        "the seat of {x}",
        ("In which town does {x} have its seat?", "What is the seat of {x}?"),
        ("It has its seat in {y}.", "Its seat is {y}.", "{y} is the seat of {x}."),
        ("{x} has its seat in {y}.", "{y} is the home of {x}."),
    ),
    Relation(
        "founded",
        "organisation",
        "year",
        "",
        ("In which year was {x} founded?", "What is the founding year of {x}?"),
        ("It was founded in {y}.", "Its history goes back to {y}.", "{x} dates from {y}."),
    ),
)
BY_KEY: Mapping[str, Relation] = {relation.key: relation for relation in RELATIONS}
FROM: Mapping[str, tuple[Relation, ...]] = {
    kind: tuple(relation for relation in RELATIONS if relation.subject == kind) for kind in KINDS
}

OPENINGS: Mapping[str, Sequence[str]] = {
    "person": ("{x} is a well-known {trade}.", "{x} made a name as a {trade}.", "{x}, a {trade}, lived quietly."),
    "town": ("{x} is a town of {trade}s.", "{x} is a small town.", "{x} is a town that {trade}s like to visit."),
    "work": ("{x} is a book.", "{x} is a book that many a {trade} has read.", "{x} is a book about a {trade}."),
    "organisation": ("{x} is an old house.", "{x} is an organisation.", "{x} is known to every {trade}."),
}
TRADES = "painter printer weaver baker miller sailor surveyor glazier clockmaker gardener potter mason".split()
CLOSINGS = (
    "Not to be confused with {z}.",
    "Some letters that speak of {z} were filed here by mistake.",
    "The archive keeps {z} on the same shelf.",
)
"""Sentences that end a description and name something else, of which they say nothing."""
ASIDES = (
    "Nobody at the fair could name {phrase}.",
    "For an hour the talk was of {phrase}.",
    "A stranger asked about {phrase}, and was sent away.",
    "Somebody had left a drawing of {z} on the table.",
    "Two visitors quarrelled about {z}.",
    "A {trade} told a story about {z} that nobody believed.",
)
"""Sentences of notes that name things and tell no fact."""
NOTES = ("Notes from the fair of {year}", "Overheard in {year}", "A page of a diary, {year}", "Letters of {year}")
