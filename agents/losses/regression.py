"""Losses that fit the policy to what its log-probabilities should be, without a ratio that is clipped."""

from __future__ import annotations

import math

import torch
from rlvr_gym.agents.advantages import grouped
from rlvr_gym.verifiers import ConfigError
from torch import Tensor


def gvpo_loss(log_ratios_PG: Tensor, rewards_PG: Tensor, mask_PG: Tensor, *, beta: float = 0.1) -> Tensor:
    """GVPO (arXiv 2504.19599, equation 10): within a group, `beta log(pi / pi_old)` should differ as rewards do.

    Half of the summed squares of `beta (h - mean h) - (r - mean r)`, divided by `G - 1`, with means over the group: the
    partition function cancels, and the only minimum is the optimum of the KL-regularised objective.

    Args:
        log_ratios_PG: Sums over the tokens of each response, shape [P, G]; carry the gradient.
        rewards_PG: Shape [P, G].
        mask_PG: Which responses count.
        beta: Weight of the divergence.

    Returns:
        One loss a group, shape [P]; 0 where less than two count.

    Raises:
        ConfigError: Shapes differ.

    Example:
        >>> every = torch.ones(1, 4, dtype=torch.bool)
        >>> gvpo_loss(torch.tensor([[0.5, -0.2, 0.1, 0.0]]), torch.tensor([[1.0, 0.0, 0.0, 1.0]]), every)
        tensor([0.1571])
    """
    if not log_ratios_PG.shape == rewards_PG.shape == mask_PG.shape or rewards_PG.ndim != 2:
        raise ConfigError(f"expected shapes [P, G], got {tuple(log_ratios_PG.shape)} and {tuple(rewards_PG.shape)}")
    residual = beta * _centred(log_ratios_PG, mask_PG) - _centred(rewards_PG, mask_PG)
    count_P = mask_PG.sum(dim=1)
    return torch.where(count_P >= 2, residual.square().sum(dim=1) / 2 / (count_P - 1).clamp(min=1), 0.0)


def qrpo_loss(
    log_ratios_B: Tensor, rewards_B: Tensor, references_BM: Tensor, *, beta: float = 0.1, exact: bool = True
) -> Tensor:
    """QRPO (arXiv 2507.08068, equation 9): regression on the reward's quantile, for which the partition is known.

    `(q - beta log Z - beta h)^2` with q the share of rewards of the reference policy that are at most the response's,
    and `Z = beta (exp(1 / beta) - 1)`, since quantiles are uniform.

    Args:
        log_ratios_B: Sums over the tokens of each response; carry the gradient.
        rewards_B: Of the responses.
        references_BM: Rewards of M responses of the reference policy to the same prompts.
        beta: Weight of the divergence.
        exact: Whether Z is as above; else `beta log Z` is `1 + beta log beta`, as in the published code.

    Returns:
        Shape [B].

    Example:
        >>> references = torch.tensor([[0.0, 0.5, 1.0, 2.0]])
        >>> qrpo_loss(torch.tensor([0.2]), torch.tensor([1.0]), references, beta=1.0, exact=False)
        tensor([0.2025])
    """
    quantile_B = (references_BM <= rewards_B[:, None]).to(log_ratios_B.dtype).mean(dim=1)
    rest = math.log(beta) + (math.log1p(-math.exp(-1 / beta)) if exact else 0.0)  # of beta (1 - exp(-1 / beta))
    return (quantile_B - (1.0 + beta * rest) - beta * log_ratios_B).square()


def gvpo_weights(log_ratios_K: Tensor, rewards_K: Tensor, group_K: Tensor, *, beta: float) -> Tensor:
    """The slope of the mean over groups of `gvpo_loss` in each response's log ratio, shape [K], without gradient.

    The loss has the gradient of `sum_k weight_k h_k`, so that no pass over the responses of a whole group at once is
    needed. Groups of one have weight 0.

    Args:
        log_ratios_K: Sums over the tokens of each response.
        rewards_K: Their rewards.
        group_K: Number of the prompt of each.
        beta: See `gvpo_loss`.

    Example:
        >>> ratios, rewards = torch.tensor([0.5, -0.2, 0.1, 0.0]), torch.tensor([1.0, 0.0, 0.0, 1.0])
        >>> gvpo_weights(ratios, rewards, torch.zeros(4, dtype=torch.long), beta=0.1)
        tensor([-0.0153,  0.0157,  0.0167, -0.0170])
    """
    every = torch.ones_like(group_K, dtype=torch.bool)
    ratios, rewards = grouped(log_ratios_K, group_K, every), grouped(rewards_K, group_K, every)
    residual = beta * (log_ratios_K - ratios.mean) - (rewards_K - rewards.mean)
    slope = beta * residual / (ratios.number - 1).clamp(min=1) / len(torch.unique(group_K))
    return torch.where(ratios.number >= 2, slope, torch.zeros_like(slope)).detach()


def qrpo_targets(rewards_K: Tensor, group_K: Tensor, *, beta: float) -> Tensor:
    """What QRPO fits `beta h` to where the reference policy is the one that sampled, shape [K]: `q - beta log Z`.

    A response's quantile q is taken among the rewards of its own group, and Z is the mean of `exp(q / beta)` over the
    group. This is not the paper's form (see `qrpo_loss`), which is meant for rewards that hardly ever are equal: of
    rewards of 0 and 1 it would make wrong answers likelier, in a group of wrong ones as much as right ones in theirs,
    since a response counts itself and its equals, and quantiles are not uniform. Here equal rewards count half, so that
    the targets of a group whose rewards are all equal are 0, those of its best above 0 and those of its worst below.
    With many different rewards q and Z become the paper's.

    Args:
        rewards_K: Rewards.
        group_K: Number of the prompt of each.
        beta: See `qrpo_loss`.

    Example:
        >>> two = torch.zeros(2, dtype=torch.long)
        >>> qrpo_targets(torch.tensor([1.0, 0.0]), two, beta=1.0), qrpo_targets(torch.zeros(2), two, beta=1.0)
        (tensor([ 0.2191, -0.2809]), tensor([0., 0.]))
    """
    same = group_K[:, None] == group_K[None, :]
    number = same.sum(dim=1)
    below = ((rewards_K[None, :] < rewards_K[:, None]) & same).sum(dim=1)
    equal = ((rewards_K[None, :] == rewards_K[:, None]) & same).sum(dim=1)
    quantile = ((below + equal / 2) / number).to(rewards_K.dtype)
    others = torch.where(same, (quantile[None, :] - quantile[:, None]) / beta, torch.full_like(quantile, -torch.inf))
    return beta * (number.to(rewards_K.dtype).log() - torch.logsumexp(others, dim=1))


def qrpo_weights(log_ratios_K: Tensor, rewards_K: Tensor, group_K: Tensor, *, beta: float) -> Tensor:
    """The slope of the mean of `(target - beta h)^2` in each response's log ratio h, shape [K], without gradient.

    Args:
        log_ratios_K: Sums over the tokens of each response.
        rewards_K: Their rewards.
        group_K: Number of the prompt of each.
        beta: See `qrpo_targets`.

    Example:
        >>> two = torch.zeros(2, dtype=torch.long)
        >>> qrpo_weights(torch.zeros(2), torch.tensor([1.0, 0.0]), two, beta=1.0)
        tensor([-0.2191,  0.2809])
    """
    targets_K = qrpo_targets(rewards_K, group_K, beta=beta)
    return (-2 * beta * (targets_K - beta * log_ratios_K) / len(group_K)).detach()


def _centred(values_PG: Tensor, mask_PG: Tensor) -> Tensor:
    held = torch.where(mask_PG, values_PG, torch.zeros_like(values_PG))
    mean_P1 = held.sum(dim=1, keepdim=True) / mask_PG.sum(dim=1, keepdim=True).clamp(min=1)
    return torch.where(mask_PG, held - mean_P1, torch.zeros_like(held))
