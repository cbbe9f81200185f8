"""Who tells of tools and results: the prompt, or the chat template of the model."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any

import pytest
from rlvr_gym.agents import Completion, Play, Policy, Request, build_preset, collect
from rlvr_gym.agents.encoding import encode_conversation
from rlvr_gym.envs import TextAction, fork, restore, snapshot
from rlvr_gym.envs.tool_math import ToolMathEnv
from rlvr_gym.envs.tools.formats import format_names, make_format
from rlvr_gym.envs.tools.toolbox import ToolCall
from rlvr_gym.envs.wrappers import ChatHistory, TurnLimit
from rlvr_gym.verifiers import ConfigError

# In the manner of Qwen's: tools in the system message, results in a user message between tags.
TEMPLATE = (
    "{% if tools %}<|im_start|>system\n<tools>{% for tool in tools %}\n{{ tool | tojson }}{% endfor %}\n</tools>"
    "<|im_end|>\n{% endif %}"
    "{% for m in messages %}"
    "{% if m.role == 'tool' %}<|im_start|>user\n<tool_response>\n{{ m.content }}\n</tool_response><|im_end|>\n"
    "{% elif m.tool_calls %}<|im_start|>assistant\n{{ m.content }}{% for c in m.tool_calls %}<tool_call>\n"
    '{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}\n</tool_call>'
    "{% endfor %}<|im_end|>\n"
    "{% else %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class Script(Policy):
    """Says what it is given, turn by turn, and keeps what it was asked."""

    def __init__(self, completions: Sequence[Completion]) -> None:
        self.completions = list(completions)
        self.requests: list[Request] = []

    def sample(self, requests: Sequence[Request]) -> list[Completion]:
        """See `Policy.sample`; one episode at a time."""
        [request] = requests
        self.requests.append(Request(list(request.conversation), request.seed, request.index, request.tools))
        return [self.completions[len(self.requests) - 1]]


def tokenizer() -> Any:
    found = build_preset("mini").tokenizer
    found.chat_template = TEMPLATE
    return found


def rendered(request: Request) -> str:
    text = tokenizer()
    return str(text.decode(encode_conversation(text, request.conversation, tools=request.tools)))


def played(env: Any, index: int = 0) -> tuple[Script, Any]:
    env.reset(options={"task_index": index})
    actions = env.unwrapped.expert(env.unwrapped.task)
    calls = [getattr(action, "tool_calls", ()) for action in actions]
    script = Script([Completion(str(action), tool_calls=made) for action, made in zip(actions, calls, strict=True)])
    [episode] = collect([env], script, [Play(options={"task_index": index})])
    return script, episode


@pytest.mark.parametrize("name", format_names())
def test_a_rendering_that_a_format_does_not_know_is_refused(name: str) -> None:
    style = "compact" if name == "compact" else "question"
    known = make_format(name).renderings
    for rendering in ("text", "template"):
        if rendering in known:
            assert ToolMathEnv(call_format=name, style=style, rendering=rendering).rendering == rendering
        else:
            with pytest.raises(ConfigError, match=f"the call format '{name}' has the rendering '{known[0]}', got"):
                ToolMathEnv(call_format=name, style=style, rendering=rendering)
    with pytest.raises(ConfigError, match="rendering"):
        ToolMathEnv(call_format=name, style=style, rendering="markdown")
    assert ToolMathEnv(call_format=name, style=style).rendering == known[0]


@pytest.mark.parametrize("name", ["hermes", "llama", "openai"])
def test_a_template_is_given_the_tools_and_the_results_as_messages_of_tools(name: str) -> None:
    env = ToolMathEnv(steps=2, operations=1, call_format=name, rendering="template")
    prompt, info = env.reset(options={"task_index": 0})
    assert [tool["function"]["name"] for tool in info["tools"]] == ["calculator"]
    assert "calculator" not in prompt
    assert prompt.endswith("<answer>your answer</answer>.")
    value, call = env.task.private["expert"]["calculator"][0], env.expert(env.task)[0]
    observation, *_, info = env.step(call)
    said, told = info["messages"]
    assert (said["role"], told["role"], told["name"]) == ("assistant", "tool", "calculator")
    assert told["content"] in observation  # whoever reads observations alone is told as much
    assert said["content"] == str(call)
    if name == "openai":
        [native] = said["tool_calls"]
        assert json.loads(native["function"]["arguments"]) == value["arguments"]
        assert native["id"] == told["tool_call_id"] == "call_0"


@pytest.mark.parametrize("name", ["hermes", "llama", "openai"])
def test_experts_solve_in_a_rollout_that_is_rendered(name: str) -> None:
    script, episode = played(ToolMathEnv(steps=3, operations=1, call_format=name, rendering="template"))
    assert episode.passed
    assert len(episode.turns) == 4
    assert episode.tool_stats == {"calculator": {"calls": 3, "errors": 0, "cost": 0.0}}
    assert set(episode.tool_seconds) == {"calculator"}
    texts = [rendered(request) for request in script.requests]
    assert all('"name": "calculator"' in text.partition("<|im_end|>")[0] for text in texts)
    for before, after in itertools.pairwise(texts):
        assert after.startswith(before)  # what is sampled later continues what was sampled before
    assert texts[-1].count("<tool_response>") == 3
    if name == "openai":  # arguments are objects for the template, and JSON text everywhere else
        assert texts[-1].count('<tool_call>\n{"name": "calculator", "arguments": {"expression":') == 3


def test_hermes_reads_alike_in_both_renderings_after_the_prompt() -> None:
    texts = {}
    for rendering in ("text", "template"):
        script, episode = played(ToolMathEnv(steps=2, operations=1, call_format="hermes", rendering=rendering))
        assert episode.passed
        texts[rendering] = rendered(script.requests[-1])
    tails = {text.partition("<|im_start|>assistant\n")[2] for text in texts.values()}
    assert len(tails) == 1


def test_text_is_for_policies_without_templates() -> None:
    script, episode = played(ToolMathEnv(steps=2, call_format="hermes"))
    assert episode.passed
    assert script.requests[0].tools == ()
    assert "<tools>" in script.requests[0].conversation[0]["content"]
    script, _ = played(ToolMathEnv(steps=2, call_format="hermes", rendering="template"))
    plain = build_preset("mini").tokenizer
    with pytest.raises(ConfigError, match="rendering is 'text'"):
        encode_conversation(plain, script.requests[0].conversation, tools=script.requests[0].tools)


def test_a_malformed_native_call_is_told_in_answer_to_it() -> None:
    env = ToolMathEnv(call_format="openai")
    env.reset(seed=0)
    bad = TextAction("", tool_calls=({"id": "a", "function": {"name": "calculator", "arguments": "{"}},))
    observation, *_, info = env.step(bad)
    said, told = info["messages"]
    assert said["tool_calls"][0]["id"] == told["tool_call_id"] == "a"
    assert told["content"] == observation
    assert observation.startswith("Not a valid call")
    assert info["tool_calls"] == [{"name": "", "error": "malformed", "cost": 0.0}]


@pytest.mark.parametrize("wrap", [lambda env: env, lambda env: ChatHistory(TurnLimit(env, 6))])
def test_branches_have_the_messages_of_the_template(wrap: Any) -> None:
    made = [wrap(ToolMathEnv(steps=3, operations=1, call_format="openai")) for _ in range(2)]
    env, other = made
    env.reset(options={"task_index": 3})
    first, *rest = env.unwrapped.expert(env.unwrapped.task)
    observation = env.step(first)[0]
    assert restore(other, json.loads(json.dumps(snapshot(env).to_dict())))[0] == observation
    [branch] = fork(env, 1)
    futures = [[each.step(action) for action in rest] for each in (env, branch, other)]
    assert futures[0] == futures[1] == futures[2]
    assert futures[0][0][4]["messages"][0]["tool_calls"][0]["id"] == "call_0"
    assert futures[0][-1][4]["passed"] is True


def test_calls_of_the_writer_are_the_calls_of_the_reader() -> None:
    env = ToolMathEnv(call_format="openai")
    env.reset(seed=0)
    tools = list(env.toolbox.tools.values())
    call = ToolCall("calculator", {"expression": "1+1"})
    assert env.call_format.parse(env.call_format.write([call], tools), tools).calls == (call,)
