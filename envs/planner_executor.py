"""`rlvr/PlannerExecutor-v0`: a planner divides a job among executors, who see only what it tells them.

Two roles take turns in one episode: the planner delegates one subgoal at a time and gives the final answer; an executor
carries out what it was told by tools and reports. Every moment says whose turn it is and in which conversation, so that
one policy or two can play it, and every reward says to which level it belongs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple, cast

from rlvr_gym.envs.action import Transition, from_record, to_record
from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.planner_jobs import PlannerExecutorTaskSet, equipped
from rlvr_gym.envs.planner_team import DELEGATE, KITS, MAX_REPORT_CHARS, PLANNER, TEAM, Delegation, Team
from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.envs.text_env import Info
from rlvr_gym.envs.tools.formats.base import Parsed
from rlvr_gym.envs.tools.tool_env import ToolEnv
from rlvr_gym.envs.tools.toolbox import Toolbox, ToolCall, ToolResult
from rlvr_gym.envs.tools.toolkit import Tool, Toolkit
from rlvr_gym.verifiers import ConfigError, Status, make_verifier
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.extraction import NoSlot, final_slot
from rlvr_gym.verifiers.state_diff import checks_of
from rlvr_gym.verifiers.verdict import ungradable

MOST_LEVELS = 0.5
PLAN, CALL, SUBGOAL = "planner/plan", "executor/call", "executor/subgoal"
_MARKERS = ("answer_tag", "whole")
_EXECUTOR = """\
You carry out one subgoal, `{name}`, of a job that somebody else plans. Your answer is a report to the planner: the \
value alone where something is to be found or worked out, else `done`.

{told}"""


class _Told(NamedTuple):
    """What a role is told: as a text, and as messages for a chat template."""

    text: str
    messages: list[dict[str, Any]]


class PlannerExecutorEnv(ToolEnv):
    """Plan a job and carry it out, in two roles; judged by `state@1` when the planner answers.

    **Roles.** The planner calls `delegate(subgoal, tools, task, given)`, one subgoal a response, or gives the final
    answer. An executor then calls the tools that it was given and reports by an answer; after `executor_turns`
    responses without a report the planner has the word again. The first line of every observation names the role.

    **Info** has besides, at reset and at every step, whose turn is next: `role` (`"planner"` or `"executor"`),
    `subgoal` (empty for the planner), `thread` (`"planner"`, `"executor 1"`, `"executor 2"`, ...: one conversation
    each, and a new one begins fresh), and `threads`: for each of `messages`, the conversation that it belongs to. Where
    an executor begins there are `tools`, as at reset. At the end, `done`: which subgoals are.

    **Verdict.** Subgoals and the final answer are judged apart: a value is done where it was reported under its name
    (the last report counts), anything else where the world is as it was to become. The dense score is their share,
    and 0 where anything changed that was to stay.

    **Rewards of levels**, on top of the verdict's. Each is paid once a subgoal and is an equal share of its knob, so
    together they never exceed the sum of the knobs, which is 0.5 at most:

    - `planner/plan`: a subgoal is delegated with just the tools that it takes; what it needs is done, and it is not;
    - `executor/call`: the first call of these tools that succeeds while it is under way;
    - `executor/subgoal`: a delegation ends with its subgoal done, which it was not when that began.

    Args:
        subgoals: See `PlannerExecutorTaskSet`.
        things: See `PlannerExecutorTaskSet`.
        executor_turns: Responses of an executor in one delegation, its report included.
        plan_reward: What `planner/plan` is worth over all subgoals.
        call_reward: What `executor/call` is worth over all subgoals.
        subgoal_reward: What `executor/subgoal` is worth over all subgoals.
        call_format: How calls are written, by both roles; any but `"compact"`.
        rendering: See `ToolEnv`. With `"template"` a report answers the planner's call in a message of the role `tool`,
            so a driver must keep one conversation a thread.
        max_turns: Responses of all roles together; an episode that is not over by then is truncated.
        split: See `PlannerExecutorTaskSet`.
        size: See `PlannerExecutorTaskSet`.
        taskset_seed: Seed of the task set: another one, another order of tasks.
        reward: See `TextEnv`.
        render_mode: See `TextEnv`.

    Raises:
        ConfigError: A knob is refused.

    Example:
        >>> env = PlannerExecutorEnv(subgoals=2, subgoal_reward=0.5)
        >>> _, info = env.reset(options={"task_index": 0})
        >>> for response in env.expert(env.task):
        ...     thread, info = info["thread"], env.step(response)[4]
        ...     print(thread, info["reward_terms"])
        planner {}
        executor 1 {}
        executor 1 {'executor/subgoal': 0.25}
        planner {}
        executor 2 {}
        executor 2 {'executor/subgoal': 0.25}
        planner {'outcome': 1.0}
    """

    card = Card(
        family="tool",
        answer_format="Calls in the call format; the final answer and each report in `<answer>` tags or alone, or as "
        "the call format has it.",
        licence=GENERATED,
        chance=0.001,
        chance_reason="every job asks for values that stand in the world and must be reported by executors; an answer "
        "without them does not pass",
        told="To the planner the subgoals, the tools and each report; to an executor its task, its tools, the results "
        "that are passed on, and after each call what came of it.",
    )

    def __init__(
        self,
        *,
        subgoals: int = 4,
        things: int = 4,
        executor_turns: int = 4,
        plan_reward: float = 0.0,
        call_reward: float = 0.0,
        subgoal_reward: float = 0.0,
        call_format: str = "xml",
        rendering: str | None = None,
        max_turns: int = 40,
        split: str = "all",
        size: int = 10_000,
        taskset_seed: int = 0,
        reward: str = "outcome",
        render_mode: str | None = None,
    ) -> None:
        tasks = PlannerExecutorTaskSet(subgoals=subgoals, things=things, split=split, size=size, seed=taskset_seed)
        judge = make_verifier("state@1")
        super().__init__(
            tasks,
            judge,
            call_format=call_format,
            rendering=rendering,
            max_turns=max_turns,
            reward=reward,
            render_mode=render_mode,
        )
        if call_format == "compact":
            raise ConfigError("the call format 'compact' has one tool with one text; take another")
        self._executor_turns = check_int("executor_turns", executor_turns, 1, None)
        self._rewards = checked_rewards({PLAN: plan_reward, CALL: call_reward, SUBGOAL: subgoal_reward})
        self._tools: list[Tool] = []
        self._paid: list[list[str]] = []  # level and subgoal
        self._threads: list[str] = []  # of each message of the transcript
        self._order: dict[str, Any] = {}  # the planner's response that delegated, as JSON

    @property
    def team(self) -> Team:
        """What is under way and what has been reported."""
        return cast(Team, self._toolbox.toolkits[TEAM])

    def equip(self, task: Task) -> Mapping[str, Toolkit]:
        """See `ToolEnv.equip`."""
        return equipped(task.private["scene"], [subgoal["name"] for subgoal in task.private["subgoals"]])

    def begin(self, task: Task) -> str:
        """See `TextEnv.begin`."""
        self._toolbox, self._told = Toolbox(self.equip(task)), ""
        self._tools = list(self._toolbox.tools.values())
        self._paid, self._threads, self._order = [], [PLANNER], {}
        self._hand_over()
        return self._addressed(f"{task.prompt}\n\n{self._how_to_call()}")

    def asked(self) -> str:
        """See `TextEnv.asked`."""
        return self._addressed(self._told) if self._transcript[-1]["role"] == "tool" else super().asked()

    def transition(self, action: str) -> Transition:
        """See `TextEnv.transition`."""
        thread, under_way = self.team.thread, self.team.delegation
        parsed = self.call_format.parse(action, self._tools)
        outcome = self._executed(action, parsed, under_way) if under_way else self._planned(action, parsed)
        heard = len(outcome.conversation(action)) - 1
        threads = [thread, *[self.team.thread] * heard]
        self._threads += threads
        info = {**outcome.info, **self._where(), "threads": threads}
        if self.team.thread not in (thread, PLANNER):
            info["tools"] = self.offered(self.task)
        if outcome.verdict is not None or self._turn >= self.max_turns:
            info["done"] = {name: self._is_done(name) for name in self._subgoals()}
        return replace(outcome, info=info)

    def expert(self, task: Task) -> list[str]:
        """The responses that solve a task, of planner and executors by turns, in the format of this environment."""
        tools, responses = list(Toolbox(self.equip(task)).tools.values()), list[str]()
        for subgoal in task.private["subgoals"]:
            order = {"subgoal": subgoal["name"], "tools": [subgoal["kit"]], "task": f"{subgoal['asks']}."}
            calls = (ToolCall(DELEGATE, {**order, "given": list(subgoal["needs"])}), ToolCall(**subgoal["call"]))
            responses += [self.call_format.write([call], tools) for call in calls]
            responses.append(self.call_format.write_answer(subgoal["report"]))
        return [*responses, self.call_format.write_answer(task.reference["answer"])]

    def get_state(self) -> Any:
        """Toolkits, log, what was last told, which rewards were paid, whose the messages are, and the last order."""
        return {**super().get_state(), "paid": self._paid, "threads": self._threads, "order": self._order}

    def set_state(self, state: Any) -> None:
        """See `TextEnv.set_state`."""
        if not isinstance(state, Mapping) or state.keys() != {"toolbox", "told", "paid", "threads", "order"}:
            raise SnapshotError(f"expected the state of a planner and executors, got {shown(state)}")
        super().set_state({"toolbox": state["toolbox"], "told": state["told"]})
        self._tools = list(self._toolbox.tools.values())
        self._paid, self._threads, self._order = state["paid"], state["threads"], state["order"]
        self._hand_over()

    def anchor_state(self) -> Any:
        """The world with the results, and for an executor what it was told of the job and last."""
        world, under_way = self._toolbox.public_state(), self.team.delegation
        if under_way is None:
            return [world, PLANNER]
        return [world, under_way.subgoal, list(under_way.tools), under_way.told(), self._told]

    # --- The two roles ---------------------------------------------------------------------------------------------

    def _planned(self, action: str, parsed: Parsed) -> Transition:
        """What comes of a planner's response."""
        if len(parsed.calls) > 1:
            parsed = Parsed(fault="delegate one subgoal at a time, and wait for the report")
        if parsed.fault:
            return self._going(action, self._fault_told(action, parsed), [_malformed(parsed)], {})
        if not parsed.calls:
            return self._answered(parsed)
        result = self._toolbox.call(parsed.calls[0])
        if result.error == "broken":
            return self._broken([result])
        if self.team.delegation is None:
            return self._going(action, self._results_told(action, [result]), [result], {})
        self._order = to_record(action)
        return self._delegated(action, result, self.team.delegation)

    def _delegated(self, action: str, result: ToolResult, under_way: Delegation) -> Transition:
        """The beginning of a delegation: an executor has the word."""
        name, undone = under_way.subgoal, not self._is_done(under_way.subgoal)
        self.team.delegation = replace(under_way, undone=undone)
        self._hand_over()
        subgoal = self._subgoals()[name]
        planned = undone and under_way.tools == (subgoal["kit"],) and all(map(self._is_done, subgoal["needs"]))
        text = f"{_EXECUTOR.format(name=name, told=under_way.told())}\n\n{self._how_to_call()}"
        told = _Told(text, [{"role": "user", "content": self._addressed(text)}])
        return self._going(action, told, [result], self._pay(PLAN, name) if planned else {})

    def _executed(self, action: str, parsed: Parsed, under_way: Delegation) -> Transition:
        """What comes of an executor's response."""
        if not (parsed.calls or parsed.fault):
            report = _report(parsed.answer)
            if report is not None:
                return self._ended(action, under_way, report, [], {})
            parsed = Parsed(fault=f"a report is one answer of 1 to {MAX_REPORT_CHARS} characters")
        results = [self._toolbox.call(call) for call in parsed.calls] or [_malformed(parsed)]
        if any(result.error == "broken" for result in results):
            return self._broken(results)
        kit = KITS[self._subgoals()[under_way.subgoal]["kit"]]
        paid = self._pay(CALL, under_way.subgoal) if any(one.ok and one.name in kit for one in results) else {}
        under_way = self.team.delegation = replace(under_way, turns=under_way.turns + 1)
        if under_way.turns >= self._executor_turns:
            return self._ended(action, under_way, None, results, paid)
        told = self._fault_told(action, parsed) if parsed.fault else self._results_told(action, results)
        return self._going(action, told, results, paid)

    def _ended(
        self,
        action: str,
        under_way: Delegation,
        report: str | None,
        results: list[ToolResult],
        paid: Mapping[str, float],
    ) -> Transition:
        """The end of a delegation: the planner has the word again."""
        name = under_way.subgoal
        self.team.report(report)
        self._hand_over()
        if under_way.undone and self._is_done(name):
            paid = {**paid, **self._pay(SUBGOAL, name)}
        said = f"reports: {report}" if report is not None else f"gave no report in {under_way.turns} turns"
        answer = [ToolResult(DELEGATE, f"{name}: the executor {said}")]
        return self._going(action, self._results_told(from_record(self._order), answer), results, paid)

    def _going(self, action: str, told: _Told, results: list[ToolResult], paid: Mapping[str, float]) -> Transition:
        """The episode goes on, and the role whose turn it is now is told something."""
        outcome = self._going_on(told.text, results, self._turned(action, told.messages))
        terms = {**outcome.reward_terms, **paid}
        return replace(outcome, observation=self._addressed(told.text), reward_terms=terms)

    def _broken(self, results: list[ToolResult]) -> Transition:
        [broken, *_] = (result.name for result in results if result.error == "broken")
        verdict = ungradable(Status.SANDBOX_ERROR, "tool_broke", f"the tool {broken} broke", self.verifier.id)
        info = {**self._going_on("", results).info, "tool_stats": self._toolbox.statistics()}
        return Transition(verdict=verdict, info=info)

    # --- What is told ----------------------------------------------------------------------------------------------

    def _addressed(self, text: str) -> str:
        """A text, and before it whom it is for."""
        under_way = self.team.delegation
        if under_way is None:
            return f"[planner]\n{text}"
        left = self._executor_turns - under_way.turns
        return f"[executor of {under_way.subgoal}, {left} turn{'s' if left > 1 else ''} left]\n{text}"

    def _how_to_call(self) -> str:
        return self.call_format.instructions(self._offered() if self.rendering == "text" else [])

    def _results_told(self, action: str, results: list[ToolResult]) -> _Told:
        return _Told(self.call_format.results(results), self.call_format.result_messages(results, action))

    def _fault_told(self, action: str, parsed: Parsed) -> _Told:
        fault = parsed.fault
        return _Told(self.call_format.fault(fault), self.call_format.fault_messages(fault, action))

    # --- Who may do what, and what is done -------------------------------------------------------------------------

    def _hand_over(self) -> None:
        """Let the role whose turn it is call its tools and no other."""
        self._toolbox.tools = {tool.name: tool for tool in self._offered()}

    def _offered(self) -> list[Tool]:
        under_way = self.team.delegation
        names = (DELEGATE,) if under_way is None else under_way.tool_names()
        return [tool for tool in self._tools if tool.name in names]

    def _where(self) -> Info:
        under_way = self.team.delegation
        role, subgoal = (PLANNER, "") if under_way is None else ("executor", under_way.subgoal)
        return {"role": role, "subgoal": subgoal, "thread": self.team.thread}

    def _situation(self) -> Info:
        return {**super()._situation(), **self._where(), "threads": list(self._threads)}

    def _subgoals(self) -> dict[str, Mapping[str, Any]]:
        return {subgoal["name"]: subgoal for subgoal in self.task.private["subgoals"]}

    def _is_done(self, name: str) -> bool:
        """Whether what a subgoal asks for is so in the world."""
        state, initial = self._toolbox.public_state(), self.task.reference["initial"]
        checks = checks_of(self._subgoals()[name]["state"], (), initial, {})
        return all(held for check in checks for held in check.outcomes(state))

    def _pay(self, level: str, name: str) -> dict[str, float]:
        """The reward of a level for a subgoal, the first time."""
        if not self._rewards[level] or [level, name] in self._paid:
            return {}
        self._paid.append([level, name])
        return {level: self._rewards[level] / len(self._subgoals())}


def checked_rewards(rewards: Mapping[str, Any]) -> dict[str, float]:
    """Refuse rewards of levels that could be worth as much as the job.

    Raises:
        ConfigError: One is no number of at least 0, or they sum to more than half of what the job is worth.
    """
    for level, value in rewards.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
            raise ConfigError(f"the reward {level} must be a number from 0 to below 1, got {shown(value)}")
    if sum(rewards.values()) > MOST_LEVELS:
        raise ConfigError(f"the rewards of levels may sum to {MOST_LEVELS:g}, got {shown(dict(rewards))}")
    return {level: float(value) for level, value in rewards.items()}


def _report(answer: str) -> str | None:
    """What an executor reports; None where it is no report."""
    slot = final_slot(answer, _MARKERS)
    if isinstance(slot, NoSlot) or not 0 < len(slot.text.strip()) <= MAX_REPORT_CHARS:
        return None
    return slot.text.strip()


def _malformed(parsed: Parsed) -> ToolResult:
    return ToolResult("", parsed.fault, "malformed")
