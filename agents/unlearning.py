"""Unlearning for a moment: one step away from what was said, and back (EEPO, arXiv 2510.05837)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch
from rlvr_gym.agents.batch import Row, batch_of_rows
from rlvr_gym.agents.episode import Episode
from rlvr_gym.agents.policy import Completion
from rlvr_gym.agents.transformers_policy import TransformersPolicy
from torch import Tensor

_ROWS = 32  # that go through the model together


@contextmanager
def unlearned(
    policy: TransformersPolicy, completions: Sequence[Completion], learning_rate: float
) -> Iterator[TransformersPolicy]:
    """A policy whose model took one step of gradient descent on `complementary_loss`, the mean over all tokens.

    The step is taken in place, on the parameters that can be trained. They are put back bit for bit in the end,
    whatever happens inside; gradients of the model are neither read nor written.

    Args:
        policy: Whose model.
        completions: What to step away from, with their prompts; token ids are needed.
        learning_rate: Of the step.

    Example:
        >>> from rlvr_gym.agents import build_preset
        >>> policy = TransformersPolicy(build_preset("nano", alphabet="01"), max_new_tokens=3)
        >>> [said] = policy.act([[{"role": "user", "content": "1"}]], seeds=[0])
        >>> with unlearned(policy, [said], learning_rate=1.0):
        ...     forgotten = sum(scored(policy, [said])[0].logprobs)
        >>> forgotten < sum(said.logprobs), scored(policy, [said])[0].token_ids == said.token_ids
        (True, True)
    """
    parameters = [parameter for parameter in policy.lm.model.parameters() if parameter.requires_grad]
    steps = _gradients(policy, completions, parameters)
    before = [parameter.detach().clone() for parameter in parameters]
    try:
        with torch.no_grad():
            for parameter, step in zip(parameters, steps, strict=True):
                parameter.sub_(step, alpha=learning_rate)
        yield policy
    finally:
        with torch.no_grad():
            for parameter, kept in zip(parameters, before, strict=True):
                parameter.copy_(kept)


def complementary_loss(logits_NV: Tensor, ids_N: Tensor) -> Tensor:
    """`-log(1 - pi(id))` of each token: large where the policy is sure of it.

    It is computed from the logits of all other tokens, so that it is finite where the probability rounds to 1, and its
    gradient in each logit lies in [-1, 1].

    Args:
        logits_NV: Logits at N positions, over V tokens.
        ids_N: What was said there.

    Returns:
        Shape [N].

    Example:
        >>> complementary_loss(torch.tensor([[0.75, 0.25]]).log(), torch.tensor([0]))  # -log 0.25
        tensor([1.3863])
    """
    others_NV = logits_NV.scatter(1, ids_N[:, None], -torch.inf)
    return logits_NV.logsumexp(dim=1) - others_NV.logsumexp(dim=1)


@torch.no_grad()
def scored(policy: TransformersPolicy, completions: Sequence[Completion]) -> list[Completion]:
    """The same completions with the log-probabilities and entropies that the policy gives them now."""
    found = []
    for start in range(0, len(completions), _ROWS):
        part = completions[start : start + _ROWS]
        logits_NV, ids_N = _sampled(policy, part)
        logprobs_NV = torch.log_softmax(logits_NV, dim=1)
        entropies = -(logprobs_NV.exp() * logprobs_NV).nan_to_num(0.0).sum(dim=1)
        chosen = iter(zip(logprobs_NV.gather(1, ids_N[:, None])[:, 0].tolist(), entropies.tolist(), strict=True))
        for completion in part:
            pairs = [next(chosen) for _ in completion.token_ids]
            logprobs, spread = (tuple(pair[place] for pair in pairs) for place in (0, 1))
            found.append(replace(completion, logprobs=logprobs, entropies=spread))
    return found


def rescored(policy: TransformersPolicy, episodes: Sequence[Episode]) -> list[Episode]:
    """The same episodes with the log-probabilities and entropies that the policy gives them now."""
    completions = iter(scored(policy, [turn.completion for episode in episodes for turn in episode.turns]))
    return [
        replace(episode, turns=tuple(replace(turn, completion=next(completions)) for turn in episode.turns))
        for episode in episodes
    ]


def _gradients(
    policy: TransformersPolicy, completions: Sequence[Completion], parameters: Sequence[Tensor]
) -> list[Tensor]:
    tokens = sum(len(completion.token_ids) for completion in completions)
    sums = [torch.zeros_like(parameter) for parameter in parameters]
    for start in range(0, len(completions), _ROWS):
        loss = complementary_loss(*_sampled(policy, completions[start : start + _ROWS])).sum() / tokens
        for total, gradient in zip(sums, torch.autograd.grad(loss, parameters, allow_unused=True), strict=True):
            if gradient is not None:
                total += gradient
    return sums


def _sampled(policy: TransformersPolicy, completions: Sequence[Completion]) -> tuple[Tensor, Tensor]:
    """Logits at the temperature of the recorded log-probabilities, and ids, of all sampled tokens."""
    rows = []
    for completion in completions:
        rows.append(Row())
        rows[-1].extend(completion.prompt_ids, sampled=False)
        rows[-1].extend(completion.token_ids, sampled=True)
    batch = batch_of_rows(rows, policy.lm.tokenizer.pad_token_id)
    model = policy.lm.model.eval()
    ids_BT, mask_BT = batch.ids_BT.to(model.device), batch.mask_BT.to(model.device)
    logits_BTV = model(input_ids=ids_BT, use_cache=False).logits
    return logits_BTV[:, :-1][mask_BT[:, 1:]].float() / (policy.temperature or 1.0), ids_BT[mask_BT]
