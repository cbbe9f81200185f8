"""Rewards that circulate under a name, built out of the terms and combinators with the guard that each needs.

A preset is a function that gives an ordinary reward: its spec is that of its parts.
"""

from __future__ import annotations

from rlvr_gym.reward_shaping.combinators import Gate, Sum
from rlvr_gym.reward_shaping.core import Reward, check_range, register
from rlvr_gym.reward_shaping.form import Format, Length
from rlvr_gym.reward_shaping.terms import Dense, Outcome, Process
from rlvr_gym.verifiers import ConfigError


@register
def layered(correct: float = 10.0, partial: float = 5.0, form: float = 1.0) -> Reward:
    """`correct * outcome + partial * dense + form * format`: the layers 10 / 0 to 5 / 1 that circulate.

    Their origin could not be found. What makes them sound is that the lower layers together stay below the first.

    Args:
        correct: For a pass.
        partial: For the whole dense score.
        form: For an answer that can be read.

    Raises:
        ConfigError: The lower layers can be worth as much as a pass.

    Example:
        >>> layered().to_dict()
        {'sum': {'of': ['outcome', 'dense', 'format'], 'weights': [10.0, 5.0, 1.0]}}
    """
    for name, value in (("correct", correct), ("partial", partial), ("form", form)):
        check_range("layered", name, value, 0.0)
    if correct <= partial + form:
        raise ConfigError(f"layered: a fail could earn {partial:g} + {form:g}, and a pass adds only {correct:g}")
    return Sum([Outcome(), Dense(), Format()], [correct, partial, form])


@register
def cot_ro(
    answer: float = 0.6, logic: float = 0.3, length: float = 0.1, limit: int = 1024, gated: bool = True
) -> Reward:
    """CoT-RO: `answer * outcome + logic * logic_score - length * min(1, L / limit)`.

    As a plain sum, a wrong answer with fluent steps earns `logic`, and a wrong short one is worth more than a wrong
    long one. Deviation: with `gated`, steps and length count for right answers alone. The paper could not be found; the
    logic score here is the mean of the verified steps (`process`), not a judge's opinion.

    Args:
        answer: Weight of the outcome.
        logic: Weight of the steps.
        length: Weight of the length.
        limit: Tokens from which the length is whole.
        gated: Whether steps and length wait for a pass.

    Example:
        >>> from rlvr_gym.reward_shaping import audit
        >>> audit(cot_ro()).margin, audit(cot_ro(length=0.6)).dominates
        (0.5, False)
    """
    steps = Sum([Process(form="mean"), Length(free=0, per=limit, weight=1.0, cap=1.0)], [logic, length])
    return Sum([Outcome(), Gate(steps) if gated else steps], [answer, 1.0])


@register
def verbosity(words: int = 200, per: float = 100, weight: float = 0.1, cap: float = 0.5) -> Reward:
    """A price on the words of a right response above what is free; wrong ones pay nothing.

    In words, not tokens, since tokens are cheaper in some languages than in others. The hack: text without blanks is
    one word. Use `length` with `"unit": "characters"` where that is seen.

    Args:
        words: Free.
        per: So many more cost `weight`.
        weight: See there.
        cap: The most that they cost, below what a pass is worth.

    Example:
        >>> verbosity().to_dict()["gate"]["then"]["length"]["unit"]
        'words'
    """
    return Gate(Length(free=words, per=per, weight=weight, cap=cap, unit="words"))
