"""`rlvr/Instructions-v0`: solutions keep to their instructions, instructions do not contradict, guesses earn little."""

from __future__ import annotations

import json
import re
from itertools import combinations
from typing import Any

import pytest
from rlvr_gym.envs.instructions.composed import InstructionsEnv, InstructionsTaskSet
from rlvr_gym.envs.instructions.drafts import KINDS
from rlvr_gym.envs.instructions.topics import ENDINGS, FILLERS, POSTSCRIPTS, TOPICS, WITH_PLACEHOLDER, WITH_WORD
from rlvr_gym.verifiers import ConfigError, make_verifier
from rlvr_gym.verifiers.instructions.catalogue import CATALOGUE

VERIFIER = make_verifier("instructions@1")
LEVELS = InstructionsEnv.card.levels
WORD = re.compile(r"[a-z]+")


def sizes(text: str, parameters: dict[str, Any]) -> dict[str, int]:
    """Counts of a solution by other means than the verifier's views."""
    return {
        "commas": text.count(","),
        "stars": len(re.findall(r"(?m)^\* ", text)),
        "highlights": len(re.findall(r"\*[^*\n]+\*(?!\*)", text)),
        "dividers": text.count("\n***\n"),
        "words": len(re.findall(r"[A-Za-z]+", text)),
    }


@pytest.mark.parametrize("style", ["question", "compact"])
@pytest.mark.parametrize("level", range(len(LEVELS)))
def test_every_solution_keeps_to_all_of_its_instructions(style: str, level: int) -> None:
    tasks = InstructionsTaskSet(**LEVELS[level], style=style)
    for index in range(60):
        task = tasks[index]
        verdict = VERIFIER.verify(task.solution, task.reference, context={"prompt": task.prompt})
        assert verdict.passed, (task.prompt, task.solution, verdict.reason.text)


def test_solutions_counted_by_other_means() -> None:
    tasks = InstructionsTaskSet(constraints=4, hardness=3)
    for index in range(200):
        task = tasks[index]
        for one in task.reference["instructions"]:
            parameters, text = one["parameters"], task.solution
            found = sizes(text, parameters)
            match one["id"]:
                case "punctuation:no_comma":
                    assert found["commas"] == 0
                case "detectable_format:number_bullet_lists":
                    assert found["stars"] == parameters["num_bullets"]
                case "length_constraints:number_paragraphs":
                    assert found["dividers"] == parameters["num_paragraphs"] - 1
                case "keywords:frequency":
                    times = WORD.findall(text.lower()).count(parameters["keyword"])
                    assert times >= parameters["frequency"]
                case "keywords:forbidden_words":
                    assert not set(WORD.findall(text.lower())) & set(parameters["forbidden_words"])
                case "keywords:letter_frequency":
                    more = text.lower().count(parameters["letter"]) >= parameters["let_frequency"]
                    assert more is (parameters["let_relation"] == "at least")
                case "length_constraints:number_words":
                    more = found["words"] >= parameters["num_words"]
                    assert more is (parameters["relation"] == "at least")
                case "detectable_format:json_format":
                    assert json.loads(text).keys() <= {"text", "TEXT"}
                case "startend:end_checker":
                    assert text.rstrip('"').lower().endswith(parameters["end_phrase"].lower())
                case "combination:two_responses":
                    assert len(set(text.split("******"))) == 2


def test_kinds_that_claim_the_same_are_never_asked_for_together() -> None:
    tasks = InstructionsTaskSet(constraints=5, hardness=3)
    seen = set()
    for index in range(300):
        kinds = tasks[index].difficulty["kinds"]
        seen.update(kinds)
        assert len(set(kinds)) == 5
        assert all(KINDS[a].takes.isdisjoint(KINDS[b].takes) for a, b in combinations(kinds, 2))
    assert seen == KINDS.keys() <= CATALOGUE.keys()


def test_hardness_bounds_the_kinds_and_each_task_of_several_needs_to_be_read() -> None:
    for hardness in (1, 2, 3):
        tasks = InstructionsTaskSet(constraints=2, hardness=hardness)
        for index in range(100):
            kinds = [KINDS[name] for name in tasks[index].difficulty["kinds"]]
            assert max(kind.hardness for kind in kinds) <= hardness
            assert any(kind.telling for kind in kinds)


def test_sentences_hold_no_word_of_a_topic_and_no_comma() -> None:
    texts = [*FILLERS, *WITH_WORD, *WITH_PLACEHOLDER, *ENDINGS, *POSTSCRIPTS]
    used = set(WORD.findall(" ".join(texts).lower()))
    assert not used & {word for topic in TOPICS for word in topic.words}
    assert not [text for text in texts if re.search(r"[,\d]", text)]
    for topic in TOPICS:
        assert len(set(topic.words)) == 9
        assert not set(WORD.findall(topic.name)) & set(topic.words)


SINK = (
    "<<a title>>\nthere is always something new to see in a *place like this*. i hope *this* *helps* [name] [date].\n"
    "***\nmost visitors come *early* and *stay* [address].\n***\nit is quite busy [town].\n{}\ntell me what you think."
)


def test_constants_and_what_the_prompt_quotes_earn_no_more_than_the_card_says() -> None:
    tasks, passes = InstructionsTaskSet(), {"sink": 0, "quotes": 0, "echo": 0, "foreign": 0}
    total = 400
    for index in range(total):
        task, other = tasks[index], tasks[index + 1]
        quotes = " ".join(re.findall(r"'([^'\n]+)'", task.prompt))
        tries = {
            "sink": SINK.format("see you soon."),
            "quotes": SINK.format(quotes),
            "echo": task.prompt,
            "foreign": other.solution,
        }
        for name, text in tries.items():
            passes[name] += VERIFIER.verify(text, task.reference, context={"prompt": task.prompt}).passed
    assert passes["echo"] == 0
    assert max(passes.values()) <= InstructionsEnv.card.chance * total  # measured: 13 of 400


def test_splits_share_no_topic_with_the_same_kinds() -> None:
    keys = {}
    for split in ("train", "test"):
        tasks = InstructionsTaskSet(constraints=2, split=split)
        keys[split] = {
            (task.prompt.split(".")[0], *sorted(task.difficulty["kinds"])) for task in (tasks[i] for i in range(200))
        }
    assert keys["train"].isdisjoint(keys["test"])


@pytest.mark.parametrize(
    "knobs", [{"constraints": 0}, {"constraints": 6}, {"constraints": True}, {"hardness": 4}, {"hardness": "2"}]
)
def test_knobs_are_refused(knobs: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        InstructionsEnv(**knobs)


def test_dense_reward_pays_the_share_and_nothing_for_noise() -> None:
    env = InstructionsEnv(reward="dense")
    for text, expected in (("word word word word", 0.0), ("", 0.0)):
        env.reset(options={"task_index": 0})
        assert env.step(text)[1] == expected


def test_no_keyword_of_a_topic_is_the_mark_of_sections() -> None:
    """A text that must not say `scene` cannot have sections that begin with it."""
    marks = {"section", "part", "chapter", "scene"}
    assert not [topic for topic in TOPICS if marks & set(topic.words)]
