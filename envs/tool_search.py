"""`rlvr/ToolSearch-v0`: questions of several steps over a world that was made for the task, with a search engine.

Nobody can know the answers beforehand: names and facts are invented, others for another number. Each step of a question
is one fact, told in one document or two; following the facts from the name in the question leads to one answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.procedural import ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.search_relations import FROM, LITERALS
from rlvr_gym.envs.search_world import MAX_DISTRACTORS, MAX_ENTITIES, MIN_ENTITIES, Fact, World, make_world
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.envs.tools.search import Search
from rlvr_gym.envs.tools.tool_env import ToolEnv
from rlvr_gym.envs.tools.toolbox import Toolbox, ToolCall
from rlvr_gym.envs.tools.toolkit import Limits, Toolkit
from rlvr_gym.verifiers import ConfigError, Verdict, Verifier, make_verifier
from rlvr_gym.verifiers.answer import tokens
from rlvr_gym.verifiers.errors import shown

MAX_HOPS = 4
MARKERS = ["answer_tag", "whole"]
_MOST_WALKS = 400
_WHERE = "The answer stands in a collection of documents about things that you cannot know: search it and read there."
_HOW = "Answer with the {what} alone."
_CITED = (
    "Answer with the {what} and, behind it, the id of each document that you took a step from, in square brackets: "
    "{what} [d1][d2]. Cite documents that you have opened, no others, and at most one more than needed."
)


class Quest(NamedTuple):
    """A problem: a world, where to begin, the relations to follow, and which of their wordings asks."""

    world: int
    start: str
    keys: tuple[str, ...]
    wording: int


class ToolSearchTaskSet(ProceduralTaskSet[Quest]):
    """Questions over generated worlds. Training and test questions are about different worlds.

    No word of an answer stands in its question. From two hops on, the answer stands in no document that names what the
    question names, and not in the document that a search for the question finds first.

    Args:
        hops: Facts to follow, 1 to 4: a number, or a pair `[low, high]`.
        entities: People, towns, works and organisations of a world; each has its document. 20 to 400.
        distractors: Documents besides, which name things and tell no fact. At most 1,000.
        cite: Whether the documents that the answer rests on are to be cited.
        worlds: How many worlds there are.
        split: See `ProceduralTaskSet`.
        size: See `ProceduralTaskSet`.
        seed: See `ProceduralTaskSet`.

    Raises:
        ConfigError: A knob is refused.

    Example:
        >>> task = ToolSearchTaskSet(hops=2)[0]
        >>> task.prompt.splitlines()[0], task.reference["answer"]
        ('Who is the director of the largest employer in Hainhaven?', 'Graizeask Maigriehold')
    """

    def __init__(
        self,
        *,
        hops: int | Sequence[int] = 2,
        entities: int = 60,
        distractors: int = 20,
        cite: bool = False,
        worlds: int = 10_000,
        split: str = "all",
        size: int = 10_000,
        seed: int = 0,
    ) -> None:
        low, high = (hops, hops) if isinstance(hops, int) else _pair(hops)
        self._low = check_int("hops", low, 1, MAX_HOPS)
        self._high = check_int("hops", high, low, MAX_HOPS)
        self._entities = check_int("entities", entities, MIN_ENTITIES, MAX_ENTITIES)
        self._distractors = check_int("distractors", distractors, 0, MAX_DISTRACTORS)
        self._worlds = check_int("worlds", worlds, 1, None)
        if not isinstance(cite, bool):
            raise ConfigError(f"cite must be true or false, got {shown(cite)}")
        self._cite = cite
        super().__init__("ToolSearch", style="question", split=split, size=size, seed=seed)

    def world(self, number: int) -> World:
        """The world of this number, in the size of this task set."""
        return make_world(number, self._entities, self._distractors)

    def draw(self, rng: TaskRandom) -> Quest:
        """See `ProceduralTaskSet.draw`."""
        number, hops = rng.below(self._worlds), rng.between(self._low, self._high)
        if self._split != "all" and (self._split == "test") != self._held_out(Quest(number, "", (), 0)):
            return Quest(number, "", (), 0)  # it will be drawn again: making its world can be spared
        world = self.world(number)
        names = list(world.kinds)
        for _ in range(_MOST_WALKS):
            start = rng.choice(names)
            keys = _walk(rng, world, start, hops)
            facts = world.follow(start, keys) if len(keys) == hops else None
            wording = rng.below(2)
            if facts and _fair(world, facts, wording):
                return Quest(number, start, keys, wording)
        raise ConfigError(
            f"no question of {hops} hops was found in world {number} of {self._entities} entities: there are too few"
        )

    def split_key(self, problem: Quest) -> str:
        """See `ProceduralTaskSet.split_key`."""
        return str(problem.world)

    def make(self, problem: Quest) -> Task:
        """See `ProceduralTaskSet.make`."""
        world = self.world(problem.world)
        facts = world.follow(problem.start, problem.keys) or []
        last = facts[-1]
        what = last.relation.object if last.relation.object in LITERALS else "name"
        how = (_CITED if self._cite else _HOW).format(what="name" if what == "river" else what)
        private = {
            "reference": {"answer": last.object, "sources": [list(fact.sources) for fact in facts]},
            "expert": [call for fact in facts for call in _looked_up(world, fact)],
            "world": problem.world,
        }
        difficulty = {
            "hops": len(facts),
            "entities": self._entities,
            "distractors": self._distractors,
            "cite": self._cite,
        }
        prompt = f"{_question(facts, problem.wording)}\n\n{_WHERE} {how}"
        return Task.create(prompt, private, difficulty=difficulty)


class ToolSearchEnv(ToolEnv):
    """Find the answer to a question by searching and reading; judged by `answer@1`, and `citations@1` where asked for.

    With `cite=True` the answer passes only with its sources: a document for each step, opened in this episode, and at
    most one besides. The dense score is then that of the citations, and nothing for a wrong answer.

    Args:
        hops: See `ToolSearchTaskSet`.
        entities: See `ToolSearchTaskSet`.
        distractors: See `ToolSearchTaskSet`.
        cite: See `ToolSearchTaskSet`.
        worlds: See `ToolSearchTaskSet`. Fewer of them are made less often, and can be learned by heart.
        tool_cost: What a call costs, in units of reward.
        call_format: How calls are written; see `ToolEnv`.
        rendering: See `ToolEnv`.
        max_turns: Responses, calls and answer together; a search and a page for each hop and the answer are
            `2 * hops + 1`.
        split: See `ProceduralTaskSet`.
        size: See `ProceduralTaskSet`.
        taskset_seed: Seed of the task set: another one, another order of questions.
        reward: See `TextEnv`.
        render_mode: See `TextEnv`.

    Raises:
        ConfigError: A knob is refused.

    Example:
        >>> env = ToolSearchEnv(hops=1, cite=True)
        >>> _ = env.reset(options={"task_index": 0})
        >>> for response in env.expert(env.task):
        ...     observation, reward, terminated, truncated, info = env.step(response)
        >>> response, info["passed"]
        ('<answer>1170 [d69]</answer>', True)
    """

    card = Card(
        family="tool",
        answer_format="The name or the year in `<answer>` tags or alone, or as the call format has it; with "
        "`cite=True` and behind it the ids of documents in square brackets.",
        licence=GENERATED,
        chance=0.06,
        chance_reason="a random name of the kind that is asked for is right in 5 to 6 %, as was measured: there are 12 "
        "towns in a world; without a look into the documents the best constant is right in 5 of 10,000",
        told="The question, the tools and how to call them; after each call its result or what was wrong with it.",
    )

    def __init__(
        self,
        *,
        hops: int | Sequence[int] = 2,
        entities: int = 60,
        distractors: int = 20,
        cite: bool = False,
        worlds: int = 10_000,
        tool_cost: float = 0.0,
        call_format: str = "xml",
        rendering: str | None = None,
        max_turns: int = 10,
        split: str = "all",
        size: int = 10_000,
        taskset_seed: int = 0,
        reward: str = "outcome",
        render_mode: str | None = None,
    ) -> None:
        self._tasks = ToolSearchTaskSet(
            hops=hops,
            entities=entities,
            distractors=distractors,
            cite=cite,
            worlds=worlds,
            split=split,
            size=size,
            seed=taskset_seed,
        )
        super().__init__(
            self._tasks,
            judge(cite),
            call_format=call_format,
            rendering=rendering,
            max_turns=max_turns,
            reward=reward,
            render_mode=render_mode,
        )
        self._cite, self._limits = cite, Limits(cost=tool_cost)

    def equip(self, task: Task) -> Mapping[str, Toolkit]:
        """See `ToolEnv.equip`."""
        return {"search": Search(self._tasks.world(task.private["world"]).corpus, limits=self._limits)}

    def judged(self, answer: str) -> Verdict:
        """See `ToolEnv.judged`: only what was opened can be cited."""
        opened = self.toolbox.public_state()["search"]["opened"]
        context = {"prompt": self.task.prompt, "log": self.toolbox.record(), "sources": opened}
        return self.verifier.verify(answer, self.task.reference, context=context)

    def expert(self, task: Task) -> list[str]:
        """The responses that solve a task, one call at a time, in the format of this environment."""
        tools = list(Toolbox(self.equip(task)).tools.values())
        calls = [ToolCall(**call) for call in task.private["expert"]]
        answer = task.reference["answer"]
        if self._cite:
            answer += " " + "".join(f"[{call.arguments['document']}]" for call in calls if call.name == "open")
        return [*(self.call_format.write([call], tools) for call in calls), self.call_format.write_answer(answer)]


def judge(cite: bool) -> Verifier:
    """The verifier: of the answer, or of the answer and then of its citations."""
    answer = make_verifier("answer@1", markers=MARKERS, cited=cite)
    if not cite:
        return answer
    return make_verifier("gate@1", children=[answer, make_verifier("citations@1", markers=MARKERS)])


def _walk(rng: TaskRandom, world: World, start: str, hops: int) -> tuple[str, ...]:
    """Relations to follow from a thing, drawn one after the other; fewer where none leads further."""
    keys: list[str] = []
    here = start
    for hop in range(hops):
        last = hop == hops - 1
        ways = [r.key for r in FROM.get(world.kinds.get(here, ""), ()) if last or r.object not in LITERALS]
        ways = [key for key in ways if (here, key) in world.facts]
        if not ways:
            break
        keys.append(rng.choice(ways))
        here = world.facts[here, keys[-1]].object
    return tuple(keys)


def _fair(world: World, facts: Sequence[Fact], wording: int) -> bool:
    """Whether the answer is not to be had for less than the steps of the question."""
    start, answer = facts[0].subject, facts[-1].object
    question = _question(facts, wording)
    if set(tokens(answer)) & set(tokens(question)):
        return False
    if len(facts) == 1:
        return True
    if any({start, answer} <= names for names in world.mentions.values()):
        return False
    [first] = world.corpus.search(question, 1)
    return answer not in world.mentions[first.id]


def _question(facts: Sequence[Fact], wording: int) -> str:
    asked = facts[0].subject
    for fact in facts[:-1]:
        asked = fact.relation.phrase.format(x=asked)
    return facts[-1].relation.questions[wording].format(x=asked)


def _looked_up(world: World, fact: Fact) -> list[dict[str, Any]]:
    """A search for what a fact is about, and its description."""
    return [
        {"name": "search", "arguments": {"query": fact.subject}},
        {"name": "open", "arguments": {"document": world.described[fact.subject]}},
    ]


def _pair(hops: Any) -> tuple[int, int]:
    if not isinstance(hops, list | tuple) or len(hops) != 2:
        raise ConfigError(f"hops must be an integer or a pair [low, high], got {shown(hops)}")
    return hops[0], hops[1]
