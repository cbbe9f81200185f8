"""Episodes of several conversations: each role sees its own, and each is a training row of its own."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from rlvr_gym.agents import Completion, Play, Policy, Request, build_preset, collect
from rlvr_gym.agents.batch import episode_rows
from rlvr_gym.agents.encoding import encode_conversation
from rlvr_gym.envs.planner_executor import PlannerExecutorEnv

TOKENIZER = build_preset("mini").tokenizer


class Expert(Policy):
    """Says what the expert says, as tokens."""

    def __init__(self, responses: Sequence[str]) -> None:
        self.responses = list(responses)
        self.requests: list[Request] = []

    def sample(self, requests: Sequence[Request]) -> list[Completion]:
        """See `Policy.sample`; one episode at a time."""
        [request] = requests
        self.requests.append(Request(list(request.conversation), request.seed, request.index, request.tools))
        text = self.responses[len(self.requests) - 1]
        ids = (*TOKENIZER(str(text))["input_ids"], TOKENIZER.eos_token_id)
        prompt = encode_conversation(TOKENIZER, request.conversation)
        return [Completion(str(text), ids, (-1.0,) * len(ids), (0.0,) * len(ids), prompt, "stop")]


def test_executors_see_their_orders_alone_and_each_conversation_is_a_row() -> None:
    env = PlannerExecutorEnv(subgoals=3)
    env.reset(options={"task_index": 2})
    job, moves = env.task.prompt, env.expert(env.task)
    policy = Expert(moves)
    [episode] = collect([env], policy, [Play(options={"task_index": 2})])
    assert episode.passed
    threads = [turn.thread for turn in episode.turns]
    assert set(threads) == {"planner", "executor 1", "executor 2", "executor 3"}
    subgoals = job.partition("no particular order:")[2].strip().splitlines()[0]
    for thread, request in zip(threads, policy.requests, strict=True):
        told = "".join(str(message["content"]) for message in request.conversation)
        assert (subgoals in told) is (thread == "planner")
    rows = episode_rows(episode)
    assert len(rows) == 4
    for name in set(threads):
        spoken = [turn.completion for turn in episode.turns if turn.thread == name]
        [row] = [row for row in rows if tuple(row.ids[: len(spoken[0].prompt_ids)]) == spoken[0].prompt_ids]
        sampled = [token for token, mine in zip(row.ids, row.mask, strict=True) if mine]
        assert sampled == [token for completion in spoken for token in completion.token_ids]


@pytest.mark.parametrize("call_format", ["hermes", "openai"])
def test_templates_are_given_the_tools_of_the_role(call_format: str) -> None:
    env = PlannerExecutorEnv(subgoals=2, call_format=call_format, rendering="template")
    env.reset(options={"task_index": 0})
    moves = env.expert(env.task)

    class Native(Expert):
        def sample(self, requests: Sequence[Request]) -> list[Completion]:
            self.requests.append(requests[0])
            move = self.responses[len(self.requests) - 1]
            return [Completion(str(move), tool_calls=tuple(getattr(move, "tool_calls", ())))]

    policy = Native(moves)
    [episode] = collect([env], policy, [Play(options={"task_index": 0})])
    assert episode.passed
    for turn, request in zip(episode.turns, policy.requests, strict=True):
        names = {tool["function"]["name"] for tool in request.tools}
        assert ("delegate" in names) is (turn.thread == "planner")
        assert names
