"""Warm start: supervised learning on what an environment's own expert says.

A model that starts from scratch never meets a reward. A few steps of imitation bring it to a success rate from which
reinforcement learning can take over; training stops as soon as that rate is reached, so the result does not depend on
how fast the machine is.

The expert's responses are played in the environment, one a turn, and become an `Episode` like any other: what is
imitated is laid out and masked as what is sampled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import gymnasium as gym
import torch
from rlvr_gym.agents.batch import Batch, make_batch, token_logprobs
from rlvr_gym.agents.encoding import encode_conversation
from rlvr_gym.agents.episode import Episode, Turn
from rlvr_gym.agents.evaluate import pass_rate
from rlvr_gym.agents.losses import aggregate
from rlvr_gym.agents.models import LanguageModel
from rlvr_gym.agents.play import Play, Playing
from rlvr_gym.agents.policy import Completion, seed_from
from rlvr_gym.agents.transformers_policy import TransformersPolicy
from rlvr_gym.envs import TextAction
from rlvr_gym.verifiers import ConfigError


@dataclass(frozen=True)
class WarmStartConfig:
    """Settings of a warm start.

    Args:
        until: Stop once this share of sampled responses passes, in (0, 1].
        max_steps: Stop there at the latest.
        batch_size: Episodes of the expert a step.
        learning_rate: Of AdamW, after a linear warm-up over 20 steps.
        check_every: Steps between measurements of the pass rate.
        check_episodes: Episodes of a measurement.
        seed: Seed of tasks and samples.

    Raises:
        ConfigError: A setting is out of its range.
    """

    until: float = 0.2
    max_steps: int = 2000
    batch_size: int = 128
    learning_rate: float = 1e-3
    check_every: int = 25
    check_episodes: int = 512
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.until <= 1:
            raise ConfigError(f"until must lie in (0, 1], got {self.until!r}")
        if not 0 < self.learning_rate < float("inf"):
            raise ConfigError(f"learning_rate must be a positive number, got {self.learning_rate!r}")
        if min(self.max_steps, self.batch_size, self.check_every, self.check_episodes) < 1:
            raise ConfigError("max_steps, batch_size, check_every and check_episodes must be positive")


class WarmStartResult(NamedTuple):
    """Where the warm start ended: steps taken, last measured pass rate, and whether it reached `until`."""

    steps: int
    pass_rate: float
    reached: bool


def warm_start(
    envs: Sequence[gym.Env[str, str]],
    policy: TransformersPolicy,
    config: WarmStartConfig,
    report: Callable[[int, float, float], None] | None = None,
) -> WarmStartResult:
    """Train the policy's model in place on the responses of the environments' experts.

    Args:
        envs: Environments that know responses that solve their tasks (`TextEnv.expert`); used in turn.
        policy: Whose model is trained, and whose sampling measures the pass rate.
        config: Settings.
        report: Called at each measurement with the step, the loss and the pass rate.

    Raises:
        ConfigError: See `demonstration`.
    """
    model = policy.lm.model
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=0.0)
    rate, step = 0.0, 0
    for step in range(1, config.max_steps + 1):
        model.train()
        batch = _demonstrations(envs, policy.lm, config, step)
        logprobs_BT = token_logprobs(model, batch, temperature=1.0)
        loss = aggregate(-logprobs_BT, batch.mask_BT, "token_mean")
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * min(1.0, step / 20)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % config.check_every == 0 or step == config.max_steps:
            rate = pass_rate(envs, policy, config.check_episodes, seed_from("warm-check", config.seed, step))
            if report is not None:
                report(step, float(loss.detach()), rate)
            if rate >= config.until:
                return WarmStartResult(step, rate, True)
    return WarmStartResult(step, rate, False)


def demonstration(
    env: gym.Env[str, str], tokenizer: Any, seed: int, known: dict[str, tuple[int, ...]] | None = None
) -> list[Completion]:
    """What a policy would have returned, turn by turn, that says what the environment's expert says.

    Each response is tokenised by itself and ends with the end-of-sequence id; what stands between responses comes from
    the environment. The last one is not carried out: what is judged there could not be imitated, and judging may be
    slow.

    Args:
        env: Where; its `expert` gives the responses.
        tokenizer: Of the model that is to imitate them.
        seed: Seed of the reset, which draws the task.
        known: See `encode_conversation`.

    Returns:
        Completions with their prompts; log-probabilities are 0, since nothing was sampled.

    Raises:
        ConfigError: No responses are known that solve the task, they are native tool calls, the episode ended before
            the last of them, or the tokenizer has no end-of-sequence token.

    Example:
        >>> from rlvr_gym.agents.models import char_tokenizer
        >>> from rlvr_gym.envs.tool_math import ToolMathEnv
        >>> env, tokenizer = ToolMathEnv(steps=1, digits=2, style="compact"), char_tokenizer()
        >>> [tokenizer.decode(turn.prompt_ids + turn.token_ids) for turn in demonstration(env, tokenizer, seed=0)]
        ['11-97:11-97?<eos>', '11-97:11-97?<eos>-86:-86<eos>']
    """
    if tokenizer.eos_token_id is None:
        raise ConfigError(
            "the tokenizer has no end-of-sequence token, with which every response that is imitated ends: set "
            "tokenizer.eos_token to one that the model has"
        )
    playing = Playing(Play(seed), env)
    playing.begin()
    said: list[Completion] = []
    for response in _responses(playing, env):
        if said:
            playing.advance(said[-1])
            _check_open(playing, f"after {len(said)} responses of its expert")
        asked = playing.request()
        prompt = encode_conversation(tokenizer, asked.conversation, known, asked.tools)
        ids = (*tokenizer(response, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id)
        said.append(Completion(response, ids, (0.0,) * len(ids), prompt_ids=prompt))
    return said


def _responses(playing: Playing, env: gym.Env[str, str]) -> list[str]:
    _check_open(playing, "before a response")
    if not env.has_wrapper_attr("expert"):
        raise ConfigError(f"{env} has no expert(task), so there is nothing to imitate")
    task = env.get_wrapper_attr("task")
    responses: list[str] = env.get_wrapper_attr("expert")(task)
    if not responses:
        raise ConfigError(f"task {task.id} has no reference solution, so there is nothing to imitate")
    if any(isinstance(response, TextAction) and response.tool_calls for response in responses):
        raise ConfigError("native tool calls are no text that a model could imitate; choose another call_format")
    return responses


def _check_open(playing: Playing, when: str) -> None:
    if (ended := playing.done) is not None:
        why = ended.error.strip().rpartition("\n")[2] or ended.stop_reason
        raise ConfigError(f"the episode of task {ended.task_id} was over {when} ({why}): there is nothing to imitate")


def _demonstrations(envs: Sequence[gym.Env[str, str]], lm: LanguageModel, config: WarmStartConfig, step: int) -> Batch:
    episodes = []
    known: dict[str, tuple[int, ...]] = {}
    for i in range(config.batch_size):
        seed = seed_from("warm", config.seed, step, i) % 2**32
        said = demonstration(envs[i % len(envs)], lm.tokenizer, seed, known)
        episodes.append(Episode("", tuple(Turn(completion, 0.0, "") for completion in said), None, "", {}))
    return make_batch(episodes, lm.tokenizer.pad_token_id)
