"""The warm start follows the environment's expert, and what it imitates is laid out as what a policy samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="agents need the extra 'agents'")

import gymnasium as gym  # noqa: E402
from rlvr_gym.agents import (  # noqa: E402
    Completion,
    Play,
    Policy,
    Request,
    TransformersPolicy,
    WarmStartConfig,
    build_preset,
    collect,
    warm_start,
)
from rlvr_gym.agents.batch import Batch, episode_rows, make_batch  # noqa: E402
from rlvr_gym.agents.encoding import encode_conversation  # noqa: E402
from rlvr_gym.agents.imitation import _demonstrations, demonstration  # noqa: E402
from rlvr_gym.agents.models import LanguageModel, byte_tokenizer, char_tokenizer  # noqa: E402
from rlvr_gym.agents.policy import seed_from  # noqa: E402
from rlvr_gym.envs import ListTaskSet, Task, TextAction, TextEnv, Transition  # noqa: E402
from rlvr_gym.envs.tool_math import ToolMathEnv  # noqa: E402
from rlvr_gym.verifiers import ConfigError, make_verifier  # noqa: E402

TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}</{{ m.role }}>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


class Knowing(Policy):
    """Samples exactly the ids of the expert's responses, whatever the seed."""

    def __init__(self, tokenizer: Any, env: gym.Env[str, str]) -> None:
        self.tokenizer, self.env = tokenizer, env

    def sample(self, requests: Sequence[Request]) -> list[Completion]:
        return [self._say(request) for request in requests]

    def _say(self, request: Request) -> Completion:
        base: Any = self.env.unwrapped
        turn = sum(message["role"] == "assistant" for message in request.conversation)
        ids = self.tokenizer(base.expert(base.task)[turn], add_special_tokens=False)["input_ids"]
        ids = (*ids, self.tokenizer.eos_token_id)
        prompt = encode_conversation(self.tokenizer, request.conversation, None, request.tools)
        text = self.tokenizer.decode(ids, skip_special_tokens=True)
        return Completion(text, ids, (-0.5,) * len(ids), (0.1,) * len(ids), prompt)


def tool_math(**knobs: Any) -> gym.Env[str, str]:
    return ToolMathEnv(**{"steps": 2, "digits": 2, **knobs})


ENVS = {
    "one turn": lambda: gym.make("rlvr_gym:rlvr/Arithmetic-v0", style="compact"),
    "a tool": lambda: tool_math(style="compact", operations=1),
    "a tool in tags": tool_math,
    "a tool after words": lambda: tool_math(call_format="react"),
    "a maze": lambda: gym.make("rlvr_gym:rlvr/Maze-v0", width=3, height=3, style="compact"),
    "a maze in words": lambda: gym.make("rlvr_gym:rlvr/Maze-v0", width=3, height=3),
}


@pytest.mark.parametrize("tokenizer", ["char", "byte", "template"])
@pytest.mark.parametrize("name", ENVS)
def test_what_is_imitated_is_laid_out_as_what_is_sampled(name: str, tokenizer: str) -> None:
    tokens = char_tokenizer() if tokenizer == "char" else byte_tokenizer()
    if tokenizer == "template":
        tokens.chat_template = TEMPLATE
    env = ENVS[name]()
    for seed in range(3):
        [played] = collect([env], Knowing(tokens, env), [Play(seed)])
        assert played.passed
        shown = demonstration(env, tokens, seed)
        assert len(shown) == len(played.turns)
        for ours, theirs in zip(shown, [turn.completion for turn in played.turns], strict=True):
            assert (ours.prompt_ids, ours.token_ids, ours.text) == (theirs.prompt_ids, theirs.token_ids, theirs.text)
        batch, sampled = _demonstrations([Seeded(env, seed)], lm(tokens), config(batch_size=1), 1), [played]
        same_rows(batch, make_batch(sampled, tokens.pad_token_id))
        assert len(episode_rows(played)) == (len(shown) if tokenizer == "template" else 1)


class Seeded(gym.Wrapper[str, str, str, str]):
    """Resets with a seed of its own."""

    def __init__(self, env: gym.Env[str, str], seed: int) -> None:
        super().__init__(env)
        self.seed = seed

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        return self.env.reset(seed=self.seed, options=options)


def lm(tokenizer: Any) -> LanguageModel:
    return LanguageModel(None, tokenizer)


def config(**changes: Any) -> WarmStartConfig:
    return WarmStartConfig(**{"batch_size": 6, "seed": 3, **changes})


def same_rows(one: Batch, other: Batch) -> None:
    for name in ("ids_BT", "attention_BT", "mask_BT"):
        assert torch.equal(getattr(one, name), getattr(other, name)), name


def test_a_row_by_hand() -> None:
    """The prompt and what the calculator says are masked out; each response is masked in with its end."""
    tokenizer = char_tokenizer()
    env = tool_math(style="compact", operations=1)
    env.reset(options={"task_index": 0})

    class First(Seeded):
        def reset(self, **_: Any) -> tuple[str, dict[str, Any]]:
            return self.env.reset(options={"task_index": 0})

    batch = _demonstrations([First(env, 0)], lm(tokenizer), config(batch_size=1), 1)
    assert tokenizer.decode(batch.ids_BT[0]) == "19*45+76:19*45?<eos>855:855+76?<eos>931:931<eos>"
    mask = "".join("^" if said else "." for said in batch.mask_BT[0].tolist())
    #               19*45+76:19*45?.855:855+76?.931:931.  with one letter for <eos>
    assert mask == ".........^^^^^^^....^^^^^^^^....^^^^"
    assert batch.logprobs_BT.sum() == 0


def test_single_turns_give_the_rows_they_always_gave() -> None:
    """Prompt, solution, end; tasks drawn by `seed_from("warm", seed, step, place)`, from environments in turn."""
    envs: list[Any] = [
        gym.make("rlvr_gym:rlvr/Arithmetic-v0", style="compact", digits=2),
        gym.make("rlvr_gym:rlvr/Countdown-v0", style="compact"),
    ]
    tokenizer = char_tokenizer()
    ids, masks = [], []
    for place in range(6):
        _, info = envs[place % 2].reset(seed=seed_from("warm", 3, 5, place) % 2**32)
        prompt = tokenizer("".join(message["content"] for message in info["messages"]))["input_ids"]
        solution = [*tokenizer(envs[place % 2].unwrapped.task.solution)["input_ids"], tokenizer.eos_token_id]
        ids.append(prompt + solution)
        masks.append([False] * len(prompt) + [True] * len(solution))
    batch = _demonstrations(envs, lm(tokenizer), config(), 5)
    width = max(len(row) for row in ids)
    assert batch.ids_BT.tolist() == [row + [tokenizer.pad_token_id] * (width - len(row)) for row in ids]
    assert batch.mask_BT.tolist() == [row + [False] * (width - len(row)) for row in masks]
    assert batch.attention_BT.sum(dim=1).tolist() == [len(row) for row in ids]


def test_the_last_response_is_not_judged() -> None:
    """A verdict changes no row and may take a sandbox."""

    class Dear(TextEnv):
        def transition(self, action: str) -> Transition:
            raise AssertionError("judged")

    env = Dear(one_task(), make_verifier("number@1"))
    [said] = demonstration(env, char_tokenizer(), 0)
    assert said.text == "2"


def one_task() -> ListTaskSet:
    return ListTaskSet([Task.create("1+1=", {"reference": 2, "solution": "2"})])


class Hasty(TextEnv):
    """Its expert answers and then goes on."""

    def expert(self, task: Task) -> list[str]:
        return ["2", "and that is it"]


class Broken(Hasty):
    def transition(self, action: str) -> Transition:
        raise RuntimeError("out of order")


class Dumb(TextEnv):
    def expert(self, task: Task) -> list[str]:
        return []


class Native(TextEnv):
    def expert(self, task: Task) -> list[str]:
        return [TextAction("", tool_calls=({"function": {"name": "f", "arguments": "{}"}},)), "2"]


class Unready(TextEnv):
    def begin(self, task: Task) -> str:
        raise RuntimeError("not ready")


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (Hasty, r"was over after 1 responses of its expert \(answered\)"),
        (Broken, r"was over after 1 responses of its expert \(RuntimeError: out of order\)"),
        (Native, "native tool calls are no text that a model could imitate"),
        (Dumb, "has no reference solution, so there is nothing to imitate"),
        (Unready, r"was over before a response \(RuntimeError: not ready\)"),
    ],
)
def test_an_expert_that_cannot_be_followed_is_named(kind: type[TextEnv], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        demonstration(kind(one_task(), make_verifier("number@1")), char_tokenizer(), 0)


def test_an_environment_without_an_expert_is_refused() -> None:
    class Plain(gym.Env[str, str]):
        def reset(
            self, *, seed: int | None = None, options: dict[str, Any] | None = None
        ) -> tuple[str, dict[str, Any]]:
            return "say something", {}

    with pytest.raises(ConfigError, match=r"has no expert\(task\)"):
        demonstration(Plain(), char_tokenizer(), 0)


def test_a_small_model_learns_to_call_and_to_copy_what_it_is_told() -> None:
    """Half a nat a token after 60 steps: well below the 2.8 of an even guess among the 16 tokens."""
    model = build_preset("nano", alphabet="0123456789+:?")
    envs = [ToolMathEnv(steps=1, digits=1, operators="+", style="compact", max_turns=2) for _ in range(8)]
    losses: list[float] = []
    settings = WarmStartConfig(
        until=1.0, max_steps=60, batch_size=32, check_every=20, check_episodes=8, learning_rate=4e-3
    )
    result = warm_start(
        envs, TransformersPolicy(model, max_new_tokens=5), settings, lambda step, loss, rate: losses.append(loss)
    )
    assert result.steps == 60
    assert losses[0] > losses[1] > losses[2]
    assert losses[2] < 0.5
