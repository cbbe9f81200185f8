"""ToolSearch: the answer follows from the documents, and from nothing less."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from functools import cache
from itertools import product
from typing import Any

import pytest
from rlvr_gym.envs import check_text_env, fork, restore, snapshot
from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.envs.search_relations import ASIDES, CLOSINGS, LITERALS, OPENINGS, RELATIONS, TRADES
from rlvr_gym.envs.search_world import World, make_world, short
from rlvr_gym.envs.tool_search import ToolSearchEnv, ToolSearchTaskSet
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.answer import tokens

FORMATS = ("fenced", "hermes", "llama", "openai", "react", "xml")


def played(env: ToolSearchEnv, index: int, responses: list[str]) -> list[Any]:
    """The observation of the reset and the result of every step."""
    steps: list[Any] = [env.reset(options={"task_index": index})]
    for response in responses:
        steps.append(env.step(response))
        if steps[-1][2] or steps[-1][3]:
            break
    return steps


def expert(env: ToolSearchEnv, index: int) -> list[str]:
    return env.expert(env.taskset[index])


# --- Another way to the answer: read the documents and the question, and know nothing else -------------------------


@cache
def pattern(template: str, **fixed: str) -> re.Pattern[str]:
    """A template as a pattern: what is fixed as it stands, anything else a group."""
    parts = re.split(r"\{(\w+)\}", template)
    names = {"trade": f"(?:{'|'.join(TRADES)})"}
    text, seen = "", set()
    for place, part in enumerate(parts):
        if place % 2 == 0:
            text += re.escape(part)
        elif part in fixed:
            text += re.escape(fixed[part])
        elif part in names:
            text += names[part]
        else:
            text += f"(?P={part})" if part in seen else f"(?P<{part}>.+)"
            seen.add(part)
    return re.compile(text)


def is_literal(relation: Any, text: str) -> bool:
    return (relation.object == "year") == text.isdigit()


def read(world: World) -> dict[tuple[str, str], set[str]]:
    """What the documents say, sentence by sentence; each must be understood in exactly one way."""
    said: dict[tuple[str, str], set[str]] = {}
    empty = [pattern(text) for texts in (*OPENINGS.values(), CLOSINGS, ASIDES) for text in texts]
    for document in world.documents:
        kind, name = world.kinds.get(document.title, ""), document.title
        for sentence in re.findall(r"[^.]+\.", document.text):
            sentence = sentence.strip()
            told = set()
            for relation in RELATIONS:
                if relation.subject == kind:
                    for text in relation.tellings:
                        match = pattern(text, x=name, s=short(name, kind)).fullmatch(sentence)
                        if match and is_literal(relation, match["y"]):
                            told.add((name, relation.key, match["y"]))
                if relation.object == kind:
                    for text in relation.echoes:
                        match = pattern(text, y=name).fullmatch(sentence)
                        if match and match["x"] in world.kinds and world.kinds[match["x"]] == relation.subject:
                            told.add((match["x"], relation.key, name))
            nothing = any(one.fullmatch(sentence) for one in empty)
            assert len(told) == 1 or nothing, (document, sentence, told)
            if not nothing:
                [(subject, key, found)] = told
                said.setdefault((subject, key), set()).add(found)
    return said


def understood(question: str, names: Mapping[str, str]) -> set[tuple[str, tuple[str, ...]]]:
    """All ways to read a question: where to begin, and which relations to follow."""
    found = set()
    for relation in RELATIONS:
        for text in relation.questions:
            if match := pattern(text).fullmatch(question):
                found |= {(start, (*keys, relation.key)) for start, keys in phrased(match["x"], names)}
    return found


def phrased(text: str, names: Mapping[str, str]) -> set[tuple[str, tuple[str, ...]]]:
    found: set[tuple[str, tuple[str, ...]]] = {(text, ())} if text in names else set()
    for relation in RELATIONS:
        if relation.phrase and (match := pattern(relation.phrase).fullmatch(text)):
            found |= {(start, (*keys, relation.key)) for start, keys in phrased(match["x"], names)}
    return found


def answers(start: str, keys: tuple[str, ...], said: Mapping[tuple[str, str], set[str]]) -> set[str]:
    here = {start}
    for key in keys:
        here = {found for one in here for found in said.get((one, key), ())}
    return here


@pytest.mark.parametrize("hops", [1, 2, 3, 4])
def test_the_documents_give_one_answer_and_it_is_the_reference(hops: int) -> None:
    tasks = ToolSearchTaskSet(hops=hops, worlds=4, entities=40, distractors=15)
    said = {number: read(tasks.world(number)) for number in range(4)}
    for index in range(60):
        task = tasks[index]
        number = task.private["world"]
        question = task.prompt.partition("\n")[0]
        [(start, keys)] = understood(question, tasks.world(number).kinds)
        assert len(keys) == hops
        assert answers(start, keys, said[number]) == {task.reference["answer"]}


def test_the_documents_say_all_facts_of_a_world_and_no_others() -> None:
    world = make_world(7, 60, 20)
    assert read(world) == {key: {fact.object} for key, fact in world.facts.items()}


def test_every_source_of_a_fact_tells_it() -> None:
    world = make_world(8, 60, 20)
    texts = {document.id: document.text + document.title for document in world.documents}
    assert {len(fact.sources) for fact in world.facts.values()} == {1, 2}
    for fact in world.facts.values():
        described = [world.described[fact.subject], world.described.get(fact.object)]
        assert list(fact.sources) == described[: len(fact.sources)]
        for source in fact.sources:
            assert fact.object in texts[source]
            assert short(fact.subject, world.kinds[fact.subject]) in texts[source]


def test_mentions_are_what_the_documents_name() -> None:
    world = make_world(9, 40, 20)
    everything = [*world.kinds, *(f.object for f in world.facts.values() if f.relation.object in LITERALS)]
    for document in world.documents:
        text = f"{document.title} {document.text}"
        assert world.mentions[document.id] >= {name for name in everything if re.search(rf"\b{name}\b", text)}


# --- Tasks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hops", [2, 3, 4])
def test_the_answer_takes_more_than_one_look(hops: int) -> None:
    tasks = ToolSearchTaskSet(hops=hops, worlds=20, size=60)
    for task in tasks:
        world, answer = tasks.world(task.private["world"]), task.reference["answer"]
        question = task.prompt.partition("\n")[0]
        [hit] = world.corpus.search(question, 1)
        text = f"{hit.title} {world.corpus[hit.id].text}"
        assert re.search(rf"\b{answer}\b", text) is None
        [(start, keys)] = understood(question, world.kinds)
        named = [f"{document.title} {document.text}" for document in world.documents]
        assert not any(start in text and re.search(rf"\b{answer}\b", text) for text in named)
        passed = [start, *(fact.object for fact in world.follow(start, keys) or [])]
        assert len(set(passed)) == hops + 1  # nothing is come by twice
        assert not set(tokens(answer)) & set(tokens(question))


def test_tasks_are_the_same_in_any_order_and_version() -> None:
    one, other = (ToolSearchTaskSet(hops=[1, 3], worlds=5) for _ in range(2))
    forwards = [one[index] for index in range(20)]
    make_world.cache_clear()
    assert [other[index] for index in reversed(range(20))][::-1] == forwards
    assert (forwards[0].id, forwards[0].prompt.partition("\n")[0]) == (
        "3315bf29e731a60a",
        "What is the founding year of the publisher of The Bitter Lantern?",
    )


def test_training_and_test_questions_are_about_different_worlds() -> None:
    worlds = {
        split: {
            ToolSearchTaskSet(split=split, worlds=40, entities=20, seed=seed)[i].private["world"] for i in range(40)
        }
        for split, seed in (("train", 0), ("test", 1))
    }
    assert worlds["test"]
    assert not worlds["train"] & worlds["test"]


def test_there_are_more_than_a_million_tasks() -> None:
    # More than a hundred different ones in one world, and there are 10,000 worlds.
    tasks = ToolSearchTaskSet(worlds=1, size=200)
    assert len({task.id for task in tasks}) > 100


def test_no_constant_answer_is_right_often() -> None:
    # A year is asked for in a third of the tasks and is one of 800: that 6 of 70 are equal has a probability of about
    # 800 * C(70, 6) / 800**6 = 4e-7, and other answers are rarer.
    tasks = ToolSearchTaskSet(entities=20, distractors=0, size=200)
    assert Counter(task.reference["answer"] for task in tasks).most_common(1)[0][1] <= 5


def test_a_random_name_of_the_right_kind_is_right_as_often_as_the_card_says() -> None:
    tasks = ToolSearchTaskSet(worlds=20, size=200)
    shares = []
    for task in tasks:
        world, answer = tasks.world(task.private["world"]), task.reference["answer"]
        kinds = {**{f.object: f.relation.object for f in world.facts.values()}, **world.kinds}
        shares.append(1 / sum(kind == kinds[answer] for kind in kinds.values()))
    chance = sum(shares) / len(shares)
    assert 0.03 < chance < ToolSearchEnv.card.chance


@pytest.mark.parametrize(
    "knobs",
    [
        {"hops": 0},
        {"hops": 5},
        {"hops": [2, 1]},
        {"hops": "2"},
        {"hops": [1, 2, 3]},
        {"entities": 19},
        {"entities": 401},
        {"distractors": -1},
        {"cite": 1},
        {"worlds": 0},
        {"split": "dev"},
        {"call_format": "yaml"},
        {"tool_cost": -1},
    ],
)
def test_a_wrong_knob_is_refused(knobs: dict[str, Any]) -> None:
    with pytest.raises((ConfigError, LookupError)):
        ToolSearchEnv(**knobs)


def test_a_split_without_worlds_says_so() -> None:
    with pytest.raises(ConfigError, match="use split='all'"):
        ToolSearchTaskSet(split="test", worlds=1, entities=20)[0]


# --- Episodes ------------------------------------------------------------------------------------------------------


def test_the_expert_solves_two_hundred_seeds_and_finds_what_it_opens() -> None:
    env = ToolSearchEnv(hops=[1, 4], worlds=30, cite=True)
    for seed in range(200):
        told, _ = env.reset(seed=seed)
        for response in env.expert(env.task):
            if opened := re.fullmatch(r"<open>(.+)</open>", response):
                assert f"[{opened[1]}]" in told  # a search gave it
            told, _, terminated, _, info = env.step(response)
        assert terminated
        assert info["passed"], env.task


@pytest.mark.parametrize("call_format", FORMATS)
def test_the_expert_solves_in_every_format(call_format: str) -> None:
    for cite in (False, True):
        env = ToolSearchEnv(cite=cite, worlds=10, call_format=call_format)
        for index in range(5):
            assert played(env, index, expert(env, index))[-1][4]["passed"]


def lazy(env: ToolSearchEnv, index: int) -> list[list[str]]:
    """Responses of policies that do not solve the task, for one task; the first four need no look at its world."""
    task = env.taskset[index]
    observation = env.reset(options={"task_index": index})[0]
    question = task.prompt.partition("\n")[0]
    world = make_world(task.private["world"], 60, 20)
    first = world.corpus.search(question, 1)[0].id
    look = f"<search>{question}</search>"
    return [
        [""],
        [observation] * 10,
        [question],
        [f"<answer>{', '.join(world.kinds)}</answer>"],
        ["I do not know."],
        [look] * 9 + ["<answer></answer>"],
        [look, f"<answer>{first}</answer>"],
        [*(f"<open>d{number}</open>" for number in range(1, 10)), "<answer>d1</answer>"],
        [look, f"<open>{first}</open>", f"<answer>{world.corpus[first].title}</answer>"],
        [look, f"<open>{first}</open>", f"<answer>{world.corpus[first].text}</answer>"],
        [f"<result>{task.reference['answer']}</result>"],
        ["<search>x</search>" * 20],
    ]


def test_policies_that_do_not_solve_the_task_do_not_pass() -> None:
    env = ToolSearchEnv(worlds=20)
    for index in range(200):
        for responses in lazy(env, index)[: 12 if index < 20 else 4]:
            info = played(env, index, responses)[-1][4]
            assert not info.get("passed", False), responses


def test_random_callers_pass_as_often_as_chance_has_it() -> None:
    # It answers with one of 60 names, and a third of the questions ask for none: 200 * 2/3 / 60 = 2.2 on average. More
    # than 10 have a probability of 3e-5.
    env, passed = ToolSearchEnv(worlds=20), 0
    rng = TaskRandom(b"random callers")
    for seed in range(200):
        env.reset(seed=seed)
        for _ in range(3):
            title = env.step(f"<open>d{rng.between(1, 80)}</open>")[0].partition("] ")[2].partition("\n")[0]
        passed += env.step(title)[4]["passed"]
    assert passed <= 10


def test_an_answer_without_its_sources_does_not_pass() -> None:
    env = ToolSearchEnv(cite=True)
    for index in range(10):
        task = env.taskset[index]
        answer, responses = task.reference["answer"], expert(env, index)
        needed = [ids[0] for ids in task.reference["sources"]]
        cited = "".join(f"[{one}]" for one in needed)
        all_ids = "".join(f"[d{number}]" for number in range(1, 81))
        for before, last in (
            (responses[:-1], answer),
            (responses[:-1], f"{answer} [{needed[0]}]"),
            (responses[:-1], f"{answer} {all_ids}"),
            (responses[:2], f"{answer} {cited}"),  # not all of them was opened
            ([], f"{answer} {cited}"),
            (responses[:-1], f"{task.prompt.split()[0]} {cited}"),
        ):
            info = played(env, index, [*before, f"<answer>{last}</answer>"])[-1][4]
            assert info["passed"] is False


def test_what_was_opened_can_be_cited_and_one_more() -> None:
    env = ToolSearchEnv(cite=True)
    [*calls, answer] = expert(env, 3)
    free = next(f"d{n}" for n in range(1, 80) if f"[d{n}]" not in answer)
    more = answer.replace("</answer>", f"[{free}]</answer>")
    assert played(env, 3, [*calls, more])[-1][4]["verdict"]["reason"]["code"] == "unknown_source"
    assert played(env, 3, [*calls, f"<open>{free}</open>", more])[-1][4]["passed"]


def test_a_replay_is_the_same_byte_for_byte() -> None:
    responses = ["<search>mara</search>", "<open>d1</open>", "<open>d99</open>", "<open>", "no idea"]
    one, other = (played(ToolSearchEnv(cite=True), 5, responses) for _ in range(2))
    assert json.dumps(one) == json.dumps(other)


def test_forks_at_every_turn_go_on_as_the_original() -> None:
    env = ToolSearchEnv(hops=2, cite=True)
    responses = expert(env, 1)
    env.reset(options={"task_index": 1})
    for turn in range(len(responses)):
        [branch], saved = fork(env), snapshot(env)
        other = ToolSearchEnv(hops=2, cite=True)
        restore(other, saved)
        rest = [[one.step(response) for response in responses[turn:]] for one in (branch, other)]
        assert rest[0] == rest[1]
        assert rest[0][-1][4]["passed"]
        step = env.step(responses[turn])
        assert step == rest[0][0]


def test_a_fork_does_not_share_what_it_opens() -> None:
    env = ToolSearchEnv()
    env.reset(seed=1)
    one, other = fork(env, 2)
    one.step("<open>d1</open>")
    assert [e.toolbox.public_state() for e in (env, one, other)] == [
        {"search": {"opened": opened}} for opened in ([], ["d1"], [])
    ]


def test_a_group_of_episodes_shares_one_world() -> None:
    envs = [ToolSearchEnv() for _ in range(3)]
    for env in envs:
        env.reset(seed=4)
    corpora = {id(env.toolbox.toolkits["search"].corpus) for env in envs}
    assert len(corpora) == 1


def test_costs_and_statistics() -> None:
    env = ToolSearchEnv(tool_cost=0.25)
    steps = played(env, 0, ["<search>mara</search><open>d1</open>", "<open>d0</open>", "none"])
    assert [step[1] for step in steps[1:]] == [-0.5, -0.25, 0.0]
    assert steps[-1][4]["tool_stats"] == {
        "search": {"calls": 1, "errors": 0, "cost": 0.25},
        "open": {"calls": 2, "errors": 1, "cost": 0.5},
    }


HOSTILE = [
    f"<search>{'x' * 10_000_000}</search>",
    "<search>\x00</search>",
    '<search>" OR 1=1; DROP TABLE documents; --</search>',
    "<search>title:* NEAR( AND NOT</search>",
    '<search>{"query": "x", "k": 100000}</search>',
    '<search>{"query": "x", "k": "5"}</search>',
    "<open>../../etc/passwd</open>",
    '<open>{"document": "d1", "page": 7}</open>',
    '<open>{"document": "d1", "page": -1}</open>',
    "<open>d1",
    "<delete>d1</delete><search>x",
]


@pytest.mark.parametrize("response", HOSTILE, ids=range(len(HOSTILE)))
def test_bad_calls_are_told_and_cost_a_turn(response: str) -> None:
    env = ToolSearchEnv()
    told, reward, terminated, truncated, info = played(env, 0, [response])[-1]
    assert (reward, terminated, truncated) == (0.0, False, False)
    assert 0 < len(told) < 5_000
    assert "broken" not in json.dumps(info)


@pytest.mark.parametrize("cite", [False, True])
def test_it_keeps_the_contract_of_an_environment(cite: bool) -> None:
    report = check_text_env(lambda: ToolSearchEnv(cite=cite, hops=1, entities=20, distractors=4, worlds=20))
    assert report.ok, report


def test_every_wording_belongs_to_one_relation() -> None:
    """A question or a phrase that could be read in two ways would have two answers."""
    for one, other in product(RELATIONS, RELATIONS):
        if one.key < other.key:
            assert not set(one.questions) & set(other.questions)
            assert not one.phrase or one.phrase != other.phrase
