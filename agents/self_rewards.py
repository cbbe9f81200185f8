"""Rewards and weights that come from models rather than from a verifier. Pure functions; no model is asked.

Axes: B rows, T tokens, V words. `mask_BT` is True at tokens that the policy sampled.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from rlvr_gym.agents.credit import gae
from rlvr_gym.agents.losses.shapes import same_shape
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown
from torch import Tensor

BASELINES = ("leave_one_out", "scaled")


def logit_rewards(logits_BTV: Tensor, ids_BT: Tensor, mask_BT: Tensor, *, alpha: float = 1.0) -> Tensor:
    """The reward that a language model holds in its logits (EndoRM, arXiv 2506.23235): the inverse Bellman operator.

    `r_t = Q(s_t, a_t) - V(s_(t+1))` with the logits as Q and `V = alpha log sum exp(Q / alpha)`; V is 0 after the last
    token. With `alpha=1` the rewards of a row sum to its log-likelihood plus V of its first state.

    Args:
        logits_BTV: At the place that predicts each token.
        ids_BT: The tokens.
        mask_BT: Sampled tokens; what stands between them is passed by.
        alpha: Temperature, above 0.

    Returns:
        Shape [B, T], 0 where masked.

    Raises:
        ConfigError: Shapes differ, or alpha is not above 0.

    Example:
        >>> logits = torch.tensor([[[1.0, 0.0, -1.0], [0.0, 2.0, 0.0]]])
        >>> logit_rewards(logits, torch.tensor([[0, 1]]), torch.tensor([[True, True]]))
        tensor([[-1.2395,  2.0000]])
    """
    same_shape(ids=ids_BT, mask=mask_BT)
    if logits_BTV.shape[:-1] != ids_BT.shape or not alpha > 0:
        raise ConfigError(f"expected logits [B, T, V] and alpha above 0, got {tuple(logits_BTV.shape)} and {alpha}")
    chosen_BT = logits_BTV.gather(2, ids_BT[..., None])[..., 0]
    values_BT = alpha * torch.logsumexp(logits_BTV / alpha, dim=-1)
    following = torch.zeros_like(values_BT[:, 0])
    rewards = []
    for place in range(ids_BT.shape[1] - 1, -1, -1):
        mine = mask_BT[:, place]
        rewards.append(torch.where(mine, chosen_BT[:, place] - following, torch.zeros_like(following)))
        following = torch.where(mine, values_BT[:, place], following)
    return torch.stack(rewards[::-1], dim=1)


def uncertainty_weights(counts: Sequence[Sequence[int]], *, exponent: float = 1.0) -> list[float]:
    """How much each question counts (EAST, arXiv 2503.23913): the entropy of its answers, to a power, over the mean.

    `H^a / mean H^a` with H in bits over the clusters of equal answers. Questions without entropy weigh 0 and are left
    out of the mean. The abstract calls the map exponential; the published code has this power.

    Args:
        counts: For each question how many of its samples gave each answer.
        exponent: a, above 0.

    Raises:
        ConfigError: A count is negative, a question has no sample, or the exponent is not above 0.

    Example:
        >>> [round(weight, 4) for weight in uncertainty_weights([(4, 2, 2), (7, 1), (8,)])]
        [1.468, 0.532, 0.0]
    """
    if not exponent > 0 or any(min(each, default=0) < 0 or sum(each) < 1 for each in counts):
        raise ConfigError(f"expected counts of at least one sample a question and an exponent above 0; got {counts}")
    powers = [_bits(each) ** exponent for each in counts]
    uncertain = [power for power in powers if power > 0]
    mean = sum(uncertain) / max(len(uncertain), 1)
    return [power / mean if mean else 0.0 for power in powers]


def process_rewards(rewards_BT: Tensor, mask_BT: Tensor, group_B: Tensor, *, baseline: str = "leave_one_out") -> Tensor:
    """Rewards of tokens less what the other responses to the prompt earn a token (PRIME, arXiv 2502.01456).

    `process_returns` of them is the process part of PRIME's advantage.

    Args:
        rewards_BT: Of each token, from a process reward model: `beta (log pi_phi - log pi_ref)` where it is implicit.
        mask_BT: Sampled tokens.
        group_B: Number of the prompt of each row; rows alone with their prompt have no baseline.
        baseline: `"leave_one_out"`: less the mean over the other rows of each one's mean reward, as in the paper.
            `"scaled"`: with G rows of a prompt, each reward times `G / (G - 1)` less the sum of all rows' means over
            `G - 1`, as in the published code. Both have the same mean in each row.

    Returns:
        Shape [B, T], 0 where masked.

    Raises:
        ConfigError: Shapes differ, or there is no such baseline.

    Example:
        >>> rewards, mask = torch.tensor([[0.2, 0.4], [-0.1, 0.0]]), torch.tensor([[True, True], [True, False]])
        >>> process_rewards(rewards, mask, torch.tensor([0, 0]))
        tensor([[ 0.3000,  0.5000],
                [-0.4000,  0.0000]])
    """
    same_shape(rewards=rewards_BT, mask=mask_BT)
    if baseline not in BASELINES or group_B.shape != rewards_BT.shape[:1]:
        raise ConfigError(
            f"a baseline is one of {', '.join(BASELINES)}, and groups have shape [B]; got {shown(baseline)} and "
            f"{tuple(group_B.shape)}"
        )
    held_BT = torch.where(mask_BT, rewards_BT, torch.zeros_like(rewards_BT))
    mean_B = held_BT.sum(dim=1) / mask_BT.sum(dim=1).clamp(min=1)
    same_BB = ((group_B[:, None] == group_B[None, :]) & mask_BT.any(dim=1)).to(mean_B.dtype)
    others_B = (same_BB.sum(dim=1) - 1).clamp(min=1)
    alone_B = same_BB.sum(dim=1) < 2
    total_B = same_BB @ mean_B
    if baseline == "leave_one_out":
        found = held_BT - ((total_B - mean_B) / others_B)[:, None]
    else:
        found = held_BT * ((others_B + 1) / others_B)[:, None] - (total_B / others_B)[:, None]
    return torch.where(mask_BT, torch.where(alone_B[:, None], held_BT, found), torch.zeros_like(held_BT))


def process_returns(rewards_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """For each sampled token the sum of rewards from it on, shape [B, T]; 0 where masked.

    Example:
        >>> process_returns(torch.tensor([[0.2, 0.6], [-0.4, 0.0]]), torch.tensor([[True, True], [True, False]]))
        tensor([[ 0.8000,  0.6000],
                [-0.4000,  0.0000]])
    """
    return gae(rewards_BT, torch.zeros_like(rewards_BT), mask_BT, trace=1.0).advantages_BT


def _bits(counts: Sequence[int]) -> float:
    """Entropy of the shares that counts are, in bits."""
    total = sum(counts)
    return sum(count / total * math.log2(total / count) for count in counts if count)
