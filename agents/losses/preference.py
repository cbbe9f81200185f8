"""Preference losses: of two answers to one prompt the chosen one is to become the more likely.

A method is a score of an answer, a margin between two scores and a link from their difference to a loss; `PREFERENCES`
names the combinations. Where pairs come from is the caller's: Step-DPO (arXiv 2406.18629) and MCTS-DPO (arXiv
2405.00451) are `"dpo"` with a mask that begins where two answers part, SPIN (arXiv 2401.01335) is `"dpo"` with the
previous iterate as reference, DMPO (arXiv 2406.14868) is `"dpo"` over `turn_weights`. Axes: B pairs, T tokens, V words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from rlvr_gym.agents.checks import check_names, check_numbers
from rlvr_gym.agents.losses.shapes import same_shape
from rlvr_gym.verifiers import ConfigError
from torch import Tensor
from torch.nn.functional import logsigmoid


class Answers(NamedTuple):
    """What two policies say of one answer to each of B prompts; all of shape [B].

    Args:
        logprob: Summed over the answer's tokens, under the policy that is trained; carries the gradient.
        reference: The same under the reference policy; not read by `"simpo"` and `"orpo"`.
        length: How many tokens.
        divergence: Of margins that need it: `sequential_kl`.
        reward: Of margins that need it.
    """

    logprob: Tensor
    reference: Tensor
    length: Tensor
    divergence: Tensor | None = None
    reward: Tensor | None = None

    @classmethod
    def of(
        cls,
        logprobs_BT: Tensor,
        reference_logprobs_BT: Tensor,
        mask_BT: Tensor,
        *,
        weight_BT: Tensor | None = None,
        divergence_B: Tensor | None = None,
        reward_B: Tensor | None = None,
    ) -> Answers:
        """From log-probabilities of tokens, those of the answer masked in.

        Args:
            logprobs_BT: Under the policy that is trained.
            reference_logprobs_BT: Under the reference policy.
            mask_BT: Tokens that count; what stands elsewhere is not seen.
            weight_BT: Factors of the tokens' log-probabilities; 1 by default. See `turn_weights`.
            divergence_B: See `Answers`.
            reward_B: See `Answers`.

        Raises:
            ConfigError: Shapes differ.

        Example:
            >>> mask = torch.tensor([[False, True, True]])
            >>> said = Answers.of(torch.tensor([[-9.0, -1.0, -2.0]]), torch.tensor([[-9.0, -1.5, -2.5]]), mask)
            >>> said.logprob, said.reference, said.length
            (tensor([-3.]), tensor([-4.]), tensor([2]))
        """
        weight_BT = torch.ones_like(logprobs_BT) if weight_BT is None else weight_BT
        same_shape(logprobs=logprobs_BT, reference=reference_logprobs_BT, mask=mask_BT, weight=weight_BT)
        nothing = torch.zeros_like(logprobs_BT)
        own, other = (
            torch.where(mask_BT, each * weight_BT, nothing).sum(dim=1) for each in (logprobs_BT, reference_logprobs_BT)
        )
        return cls(own, other, mask_BT.sum(dim=1), divergence_B, reward_B)


_Score = Callable[[Answers], Tensor]
_SCORES: Mapping[str, _Score] = {
    "log_ratio": lambda a: a.logprob - a.reference,
    "mean_log_ratio": lambda a: (a.logprob - a.reference) / a.length,
    "mean_logprob": lambda a: a.logprob / a.length,
    "log_odds": lambda a: a.logprob / a.length - torch.log(-torch.expm1(a.logprob / a.length)),
}
_LINKS: Mapping[str, Callable[[Tensor, Tensor, float, Tensor], Tensor]] = {
    "logistic": lambda better, worse, beta, margin: -logsigmoid(beta * (better - worse) - margin),
    "square": lambda better, worse, beta, _: (better - worse - 1 / (2 * beta)).square(),
    "two_squares": lambda better, worse, beta, _: (
        (better - 1 / (2 * beta)).square() + (worse + 1 / (2 * beta)).square()
    ),
}
MARGINS = ("none", "constant", "reward_gap", "divergence", "divergence_both")


@dataclass(frozen=True)
class Preference:
    """The pieces of a preference method; see `preference_loss`.

    Args:
        name: As in its paper, lower case.
        score: Of an answer with log-probability `p` under the policy, `q` under the reference and n tokens:
            `"log_ratio"`: `p - q`. `"mean_log_ratio"`: `(p - q) / n`. `"mean_logprob"`: `p / n`. `"log_odds"`:
            `m - log(1 - exp m)` with `m = p / n`.
        link: Of the scores w of the chosen and l of the rejected answer: `"logistic"`: `-log sigma(beta (w - l) -
            margin)`. `"square"`: `(w - l - 1 / (2 beta))^2`. `"two_squares"`: `(w - 1 / (2 beta))^2 +
            (l + 1 / (2 beta))^2`.
        beta: Weight of the divergence that the method's optimum has; IPO calls it tau.
        margin: Of the logistic link: `"none"`; `"constant"`: `margin_weight`; `"reward_gap"`: `margin_weight` times the
            logarithm of the difference of rewards; `"divergence_both"`: `beta margin_weight (D_l - D_w)` with D the
            sequential divergence of each answer; `"divergence"`: the same without a gradient through D_w.
        margin_weight: See `margin`.
        weight: Factor of the link.
        likelihood: Factor of the chosen answer's mean negative log-probability, which is added.

    Raises:
        ConfigError: There is no such name, a number is refused, or a margin does not fit its link.
    """

    name: str
    score: str = "log_ratio"
    link: str = "logistic"
    beta: float = 0.1
    margin: str = "none"
    margin_weight: float = 1.0
    weight: float = 1.0
    likelihood: float = 0.0

    def __post_init__(self) -> None:
        check_names(self, {"score": tuple(_SCORES), "link": tuple(_LINKS), "margin": MARGINS})
        check_numbers(self, ("beta", "margin_weight", "weight", "likelihood"))
        if not self.beta:
            raise ConfigError("beta must be above 0")
        if self.margin != "none" and self.link != "logistic":
            raise ConfigError(f"a margin belongs to link='logistic', got {self.link!r}")


# Sources, defaults, and where a paper and the code that is called by its name differ.
PREFERENCES: Mapping[str, Preference] = {
    method.name: method
    for method in (
        # arXiv 2305.18290, equation 7.
        Preference("dpo"),
        # arXiv 2310.12036, equation 17. The paper's formula has sums (`score="log_ratio"`, as in the first public
        # code); the authors say that means over tokens were meant, as TRL has them.
        Preference("ipo", score="mean_log_ratio", link="square"),
        # arXiv 2405.14734, equation 6; beta 2 to 10 and a margin of 0.1 to 0.8 beta in its settings.
        Preference("simpo", score="mean_logprob", beta=2.0, margin="constant"),
        # arXiv 2403.07691, equations 6 and 7.
        Preference("orpo", score="log_odds", beta=1.0, weight=0.1, likelihood=1.0),
        # arXiv 2405.00675, for a pair whose winner wins with probability 1; beta is 1 / eta of the paper.
        Preference("sppo", link="two_squares", beta=0.001),
        # arXiv 2404.11999. The paper recommends the second form; the settings of its code choose the first.
        Preference("tdpo1", margin="divergence_both"),
        Preference("tdpo2", margin="divergence", margin_weight=0.5),
        # arXiv 2402.10571.
        Preference("odpo", margin="reward_gap"),
    )
}


def preference_loss(method: Preference, chosen: Answers, rejected: Answers) -> Tensor:
    """The loss of each pair: `weight * link(scores, margin) + likelihood * NLL(chosen)`.

    Args:
        method: Its pieces, for example `PREFERENCES["dpo"]`.
        chosen: The better answer to each prompt.
        rejected: The worse one.

    Returns:
        Shape [B].

    Raises:
        ConfigError: Shapes differ, or a margin lacks what it is computed from.

    Example:
        >>> chosen = Answers(torch.tensor([-10.0]), torch.tensor([-11.0]), torch.tensor([5]))
        >>> rejected = Answers(torch.tensor([-12.0]), torch.tensor([-11.5]), torch.tensor([8]))
        >>> for name in ("dpo", "ipo", "simpo", "orpo"):
        ...     print(name, round(preference_loss(PREFERENCES[name], chosen, rejected).item(), 4))
        dpo 0.621
        ipo 22.4439
        simpo 2.1269
        orpo 2.1042
    """
    shapes = {tuple(each.shape) for answers in (chosen, rejected) for each in answers if each is not None}
    if len(shapes) != 1 or chosen.logprob.ndim != 1:
        raise ConfigError(f"expected tensors of one shape [B], got {sorted(shapes)}")
    better, worse = (_SCORES[method.score](answers) for answers in (chosen, rejected))
    loss = method.weight * _LINKS[method.link](better, worse, method.beta, _margin(method, chosen, rejected))
    return loss - method.likelihood * chosen.logprob / chosen.length if method.likelihood else loss


def kto_loss(
    log_ratio_B: Tensor,
    desirable_B: Tensor,
    mismatched_M: Tensor,
    *,
    beta: float = 0.1,
    desirable_weight: float = 1.0,
    undesirable_weight: float = 1.0,
) -> Tensor:
    """KTO (arXiv 2402.01306): answers that are good or bad by themselves, without pairs.

    `weight (1 - sigma(beta (g - z)))` of a good answer with log ratio g, `weight (1 - sigma(beta (z - g)))` of a bad
    one. z estimates the divergence from the reference: the mean log ratio of answers to other prompts, at least 0, and
    no gradient goes through it.

    Args:
        log_ratio_B: `log(pi / pi_ref)` of each answer, summed over its tokens; carries the gradient.
        desirable_B: Which of them are good, boolean.
        mismatched_M: Log ratios of prompts with answers to other prompts.
        beta: Weight of the divergence.
        desirable_weight: Of good answers; the paper keeps the ratio of the two classes' weights within 1 and 4/3.
        undesirable_weight: Of bad ones.

    Returns:
        Shape [B].

    Raises:
        ConfigError: Shapes differ.

    Example:
        >>> ratios, good = torch.tensor([1.0, -0.5]), torch.tensor([True, False])
        >>> kto_loss(ratios, good, torch.tensor([0.3]))
        tensor([0.4825, 0.4800])
    """
    if log_ratio_B.shape != desirable_B.shape or log_ratio_B.ndim != 1:
        raise ConfigError(f"expected shapes [B], got {tuple(log_ratio_B.shape)} and {tuple(desirable_B.shape)}")
    apart = beta * (log_ratio_B - mismatched_M.mean().clamp(min=0).detach())
    good, bad = desirable_weight * torch.sigmoid(-apart), undesirable_weight * torch.sigmoid(apart)
    return torch.where(desirable_B, good, bad)


def sequential_kl(logits_BTV: Tensor, reference_logits_BTV: Tensor, mask_BT: Tensor) -> Tensor:
    """The divergence of TDPO (arXiv 2404.11999), `sum_t KL(reference || policy)` over an answer, [B].

    Args:
        logits_BTV: Of the policy that is trained, at the place that predicts each token; carry the gradient.
        reference_logits_BTV: Of the reference policy.
        mask_BT: Tokens of the answer.

    Raises:
        ConfigError: Shapes differ.

    Example:
        >>> ours, theirs = torch.tensor([[[0.0, 0.0]]]), torch.tensor([[[3.0, 1.0]]]).log()
        >>> sequential_kl(ours, theirs, torch.tensor([[True]]))  # 3/4 log(3/2) + 1/4 log(1/2)
        tensor([0.1308])
    """
    if not logits_BTV.shape == reference_logits_BTV.shape == (*mask_BT.shape, logits_BTV.shape[-1]):
        shapes = [tuple(each.shape) for each in (logits_BTV, reference_logits_BTV, mask_BT)]
        raise ConfigError(f"expected shapes [B, T, V], the same and [B, T], got {shapes}")
    reference = torch.log_softmax(reference_logits_BTV, dim=-1)
    each_BT = (reference.exp() * (reference - torch.log_softmax(logits_BTV, dim=-1))).sum(dim=-1)
    return torch.where(mask_BT, each_BT, torch.zeros_like(each_BT)).sum(dim=1)


def turn_weights(turn_BT: Tensor, mask_BT: Tensor, *, discount: float = 0.7) -> Tensor:
    """DMPO's weight of each turn (arXiv 2406.14868): `g^t (1 - g^(T - t)) / (1 - g^T)`.

    Args:
        turn_BT: Number of the turn that each token was said in, from 0.
        mask_BT: Tokens of the answer.
        discount: g, in (0, 1].

    Returns:
        Shape [B, T]; 0 where masked. T is the number of turns of the row, so rows of any number of turns compare.

    Raises:
        ConfigError: Shapes differ, or the discount is out of range.

    Example:
        >>> turn_weights(torch.tensor([[0, 1, 2]]), torch.ones(1, 3, dtype=torch.bool))
        tensor([[1.0000, 0.5434, 0.2237]])
    """
    same_shape(turn=turn_BT, mask=mask_BT)
    if not 0 < discount <= 1:
        raise ConfigError(f"discount must lie in (0, 1], got {discount}")
    turn = torch.where(mask_BT, turn_BT, torch.zeros_like(turn_BT)).to(torch.get_default_dtype())
    turns_B1 = turn.amax(dim=1, keepdim=True) + 1
    left = turns_B1 - turn
    share = left / turns_B1 if discount == 1 else (1 - discount**left) / (1 - discount**turns_B1)
    return torch.where(mask_BT, discount**turn * share, torch.zeros_like(turn))


def _margin(method: Preference, chosen: Answers, rejected: Answers) -> Tensor:
    """What the logistic link takes off the difference of scores, shape [B]."""
    if method.margin in ("none", "constant"):
        return torch.full_like(chosen.logprob, method.margin_weight if method.margin == "constant" else 0.0)
    wants_rewards = method.margin == "reward_gap"
    above, below = (each.reward if wants_rewards else each.divergence for each in (chosen, rejected))
    if above is None or below is None:
        raise ConfigError(f"margin={method.margin!r} needs the {'reward' if wants_rewards else 'divergence'} of both")
    if wants_rewards:
        if not bool((above > below).all()):
            raise ConfigError("margin='reward_gap' needs chosen answers with larger rewards than the rejected ones")
        return method.margin_weight * torch.log(above - below)
    above = above.detach() if method.margin == "divergence" else above
    return method.beta * method.margin_weight * (below - above)
