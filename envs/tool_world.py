"""`rlvr/ToolWorld-v0`: serve a customer of a shop, a travel agency or a library, by tools and by talking, under rules.

After tau-bench (arXiv 2406.12045), with what it lets through closed: silence solves no task, a fact is a whole number
and not a part of one, nothing but what was asked for may change, and what must be refused is refused in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rlvr_gym.envs.action import Transition
from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.procedural import ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.envs.tools.formats.base import Parsed
from rlvr_gym.envs.tools.tool_env import ToolEnv
from rlvr_gym.envs.tools.toolbox import Toolbox, ToolCall
from rlvr_gym.envs.tools.toolkit import Toolkit
from rlvr_gym.envs.worlds.problem import DOMAINS, WORLD, Problem, drawn, said, written
from rlvr_gym.envs.worlds.user import MAX_HEARD, User
from rlvr_gym.verifiers import ConfigError, Verdict, make_verifier
from rlvr_gym.verifiers.conduct import USER
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.extraction import after_reasoning

ALL = "all"


class ToolWorldTaskSet(ProceduralTaskSet[Problem]):
    """Customers with wishes.

    Args:
        domain: `"shop"`, `"travel"`, `"library"`, or `"all"` for any of them.
        wishes: How many wishes may be fulfilled, 1 to 4.
        refused: Share of the tasks with one wish more, which must be refused.
        pushes: How often a customer does not accept a refusal, 0 to 5.
        strangers: Other customers in the database, 0 to 50.
        split: See `ProceduralTaskSet`.
        size: See `ProceduralTaskSet`.
        seed: See `ProceduralTaskSet`.

    Raises:
        ConfigError: A knob is refused.

    Example:
        >>> task = ToolWorldTaskSet(domain="library", wishes=1, refused=0.0)[0]
        >>> task.private["user"]["wishes"][0]["says"]
        'I would like to pay my fines.'
    """

    def __init__(
        self,
        *,
        domain: str = ALL,
        wishes: int = 2,
        refused: float = 0.5,
        pushes: int = 1,
        strangers: int = 2,
        split: str = "all",
        size: int = 10_000,
        seed: int = 0,
    ) -> None:
        if domain != ALL and domain not in DOMAINS:
            raise ConfigError(f"domain must be one of {', '.join((*DOMAINS, ALL))}; got {shown(domain)}")
        if isinstance(refused, bool) or not isinstance(refused, int | float) or not 0 <= refused <= 1:
            raise ConfigError(f"refused must be a share from 0 to 1, got {shown(refused)}")
        self._domains = tuple(DOMAINS) if domain == ALL else (domain,)
        self._wishes = check_int("wishes", wishes, 1, 4)
        self._refused, self._pushes = float(refused), check_int("pushes", pushes, 0, 5)
        self._strangers = check_int("strangers", strangers, 0, 50)
        super().__init__("ToolWorld", style="question", split=split, size=size, seed=seed)

    def draw(self, rng: TaskRandom) -> Problem:
        """See `ProceduralTaskSet.draw`."""
        domain, refused = rng.choice(self._domains), rng.below(1 << 30) < self._refused * (1 << 30)
        return drawn(rng, domain, self._wishes, refused, self._pushes, self._strangers)

    def split_key(self, problem: Problem) -> str:
        """See `ProceduralTaskSet.split_key`."""
        return f"{problem.domain}|{problem.known}|{sorted(str(dict(wish.details)) for wish in problem.wishes)}"

    def make(self, problem: Problem) -> Task:
        """See `ProceduralTaskSet.make`."""
        refused = sum(bool(wish.refused) for wish in problem.wishes)
        wishes = len(problem.wishes) - refused
        return written(problem, {"domain": problem.domain, "wishes": wishes, "refused": refused})


class ToolWorldEnv(ToolEnv):
    """Serve a customer by tools and by talking, under rules; judged by `episode@1` when the customer leaves.

    A response is calls, or a message to the customer, who answers. The database, what was said, what was refused and
    the order of it all are judged: see `rlvr_gym.verifiers.conduct.Conduct`. The anchor is the database, where the
    customer stands, and what was told last.

    Args:
        domain: See `ToolWorldTaskSet`.
        wishes: See `ToolWorldTaskSet`.
        refused: See `ToolWorldTaskSet`.
        pushes: See `ToolWorldTaskSet`.
        strangers: See `ToolWorldTaskSet`.
        call_format: How calls are written.
        rendering: See `ToolEnv`.
        max_turns: Responses, calls and messages together; an episode that is not over by then is truncated.
        split: See `ProceduralTaskSet`.
        size: See `ProceduralTaskSet`.
        taskset_seed: Seed of the task set: another one, other customers.
        reward: See `TextEnv`.
        render_mode: See `TextEnv`.

    Raises:
        ConfigError: A knob is refused.

    Example:
        >>> env = ToolWorldEnv(domain="library", wishes=1, refused=0.0)
        >>> env.reset(options={"task_index": 0})[0].splitlines()[-1]
        'Customer: Hello. I would like to pay my fines.'
        >>> for response in env.expert(env.task):
        ...     observation, reward, terminated, truncated, info = env.step(response)
        >>> reward, info["passed"], info["tool_stats"]["pay_fines"]["calls"]
        (1.0, True, 1)
    """

    card = Card(
        family="tool",
        answer_format="Calls in the call format; what is written without a call is said to the customer.",
        licence=GENERATED,
        chance=0.01,
        chance_reason="every task asks for a fact or a change that cannot be guessed; without one nothing is paid",
        told="The rules, the tools and the customer's first words; after each call its result, after each message what "
        "the customer answers.",
    )

    how_to_answer = "What you write without a call is said to the customer."

    def __init__(
        self,
        *,
        domain: str = ALL,
        wishes: int = 2,
        refused: float = 0.5,
        pushes: int = 1,
        strangers: int = 2,
        call_format: str = "xml",
        rendering: str | None = None,
        max_turns: int = 60,
        split: str = "all",
        size: int = 10_000,
        taskset_seed: int = 0,
        reward: str = "outcome",
        render_mode: str | None = None,
    ) -> None:
        tasks = ToolWorldTaskSet(
            domain=domain,
            wishes=wishes,
            refused=refused,
            pushes=pushes,
            strangers=strangers,
            split=split,
            size=size,
            seed=taskset_seed,
        )
        super().__init__(
            tasks,
            make_verifier("episode@1"),
            call_format=call_format,
            rendering=rendering,
            max_turns=max_turns,
            reward=reward,
            render_mode=render_mode,
        )
        self._user: User | None = None
        self._said: list[list[Any]] = []  # [calls before it, wish, text, what the customer did]

    def equip(self, task: Task) -> Mapping[str, Toolkit]:
        """See `ToolEnv.equip`."""
        return {WORLD: DOMAINS[task.private["domain"]].kit(task.private["database"])}

    def begin(self, task: Task) -> str:
        """See `TextEnv.begin`."""
        self._user, self._said = User(task.private["user"]), []
        return f"{super().begin(task)}\n\nCustomer: {self._user.opening}"

    def judged(self, answer: str) -> Verdict:
        """See `ToolEnv.judged`; the log holds what was said as well."""
        context = {"prompt": self.task.prompt, "log": self.log(), "state": self.toolbox.public_state()}
        return self.verifier.verify(answer, self.task.reference, context=context)

    def log(self) -> list[dict[str, Any]]:
        """Calls, messages (`say`) and what the customer told and agreed to (`user`), in order; see `episode@1`."""
        calls = self.toolbox.record()
        entries, done = [], 0
        for before, wish, text, did in self._said:
            entries += [*calls[done:before], said(text, wish)]
            if any(did.values()):
                entries.append({"name": USER, "arguments": {"wish": wish, **did}, "error": "", "text": ""})
            done = before
        return [*entries, *calls[done:]]

    def expert(self, task: Task) -> list[str]:
        """The responses that solve a task, in the format of this environment."""
        tools = list(Toolbox(self.equip(task)).tools.values())
        return [
            self.call_format.write([ToolCall(**step["call"])], tools) if "call" in step else step["say"]
            for step in task.private["expert"]
        ]

    def get_state(self) -> Any:
        """Toolkits, log, what was said on both sides, and where the customer stands."""
        return {**super().get_state(), "user": self._customer().get_state(), "said": self._said}

    def set_state(self, state: Any) -> None:
        """See `TextEnv.set_state`."""
        if not isinstance(state, Mapping) or not {"user", "said"} <= state.keys():
            raise SnapshotError(f"expected the state of a conversation, got {shown(state)}")
        super().set_state({key: value for key, value in state.items() if key not in ("user", "said")})
        self._user, self._said = User(self.task.private["user"]), state["said"]
        self._user.set_state(state["user"])

    def anchor_state(self) -> Any:
        """The database, where the customer stands, and what was told last; None before the first turn."""
        world = super().anchor_state()
        return None if world is None else [world, self._customer().get_state()]

    def _answered(self, parsed: Parsed) -> Transition:
        text = _message(parsed.answer)
        customer = self._customer()
        wish = customer.wish
        reply = customer.hear(text)
        self._said.append([len(self.toolbox.log), wish, text, {"agreed": reply.agreed, "told": reply.told}])
        if reply.over:
            return super()._answered(parsed)
        return self._going_on(f"Customer: {reply.text}", [])

    def _customer(self) -> User:
        return self._user or User(self.task.private["user"])


def _message(answer: str) -> str:
    """What is said: without reasoning and the tags of a final answer, as much as anybody listens to."""
    text = after_reasoning(answer) or ""
    return text.replace("<answer>", "").replace("</answer>", "").strip()[:MAX_HEARD]
