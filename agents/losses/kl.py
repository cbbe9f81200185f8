"""Estimates of the divergence from a reference policy, and its coefficient."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from rlvr_gym.agents.losses.shapes import difference, same_shape
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown
from torch import Tensor

# Of d = logprobs - reference, after Schulman, "Approximating KL divergence" (2020).
_ESTIMATORS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "k1": lambda d: d,
    "k2": lambda d: d.square() / 2,
    "k3": lambda d: torch.expm1(-d) + d,
    "k3+": lambda d: (torch.expm1(-d) + d).detach() + (d.square() / 2 - (d.square() / 2).detach()),
}


def kl(logprobs_BT: Tensor, reference_logprobs_BT: Tensor, mask_BT: Tensor, estimator: str = "k3") -> Tensor:
    """An estimate of KL(policy || reference) at each token that the policy sampled.

    As values `k1` and `k3` are unbiased, and `k3` is never negative. As a loss only the gradient of `k2` is that of the
    divergence; `k1` has expectation 0 and belongs into the reward, `k3` is what GRPO's paper uses (arXiv 2402.03300,
    equation 4), and `k3+` has the value of `k3` with the gradient of `k2`, as verl does.

    Args:
        logprobs_BT: Under the policy that is trained.
        reference_logprobs_BT: Under the reference policy.
        mask_BT: Sampled tokens.
        estimator: `"k1"`, `"k2"`, `"k3"` or `"k3+"`.

    Returns:
        Shape [B, T], 0 where masked.

    Raises:
        ConfigError: Shapes differ, or there is no such estimator.

    Example:
        >>> kl(torch.tensor([[-1.0]]), torch.tensor([[-1.5]]), torch.tensor([[True]]))
        tensor([[0.1065]])
    """
    same_shape(logprobs=logprobs_BT, reference_logprobs=reference_logprobs_BT, mask=mask_BT)
    if estimator not in _ESTIMATORS:
        raise ConfigError(f"a KL estimator is one of {', '.join(_ESTIMATORS)}; got {shown(estimator)}")
    return _ESTIMATORS[estimator](difference(logprobs_BT, reference_logprobs_BT, mask_BT))


def adapted_coefficient(coefficient: float, divergence: float, *, target: float, horizon: float, steps: int) -> float:
    """The KL coefficient after a rollout, moved towards a target divergence (arXiv 1909.08593, section 2.2).

    Args:
        coefficient: What it was.
        divergence: What was measured with it.
        target: What is wanted.
        horizon: In how many steps an error of a fifth of the target, the largest that counts, moves it by a fifth.
        steps: Steps since it was last moved.

    Example:
        >>> round(adapted_coefficient(0.1, 0.3, target=0.1, horizon=10_000, steps=512), 6)
        0.101024
    """
    error = min(max(divergence / target - 1.0, -0.2), 0.2)
    return coefficient * (1.0 + error * steps / horizon)
