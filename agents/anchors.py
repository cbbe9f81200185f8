"""Which steps stood in states that are alike, by what the policy was shown there."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

from rlvr_gym.agents.episode import Episode

Ids = tuple[int, ...]


def observations(episode: Episode) -> list[Ids]:
    """For each turn the ids that came since the policy last spoke; the whole prompt at first and where it was edited.

    Example:
        >>> from rlvr_gym.agents import Completion, Turn
        >>> first = Turn(Completion("a", (7,), prompt_ids=(1, 2)), 0.0, "")
        >>> second = Turn(Completion("b", (8,), prompt_ids=(1, 2, 7, 3)), 0.0, "")
        >>> observations(Episode("t", (first, second), True, "answered", {}))
        [(1, 2), (3,)]
    """
    before: dict[str, Ids] = {}
    found = []
    for turn in episode.turns:
        prompt = turn.completion.prompt_ids
        known = before.get(turn.thread, ())
        found.append(prompt[len(known) :] if prompt[: len(known)] == known else prompt)
        before[turn.thread] = prompt + turn.completion.token_ids
    return found


def clustered(shown_N: Sequence[Ids], group_N: Sequence[int], similarity: float) -> list[int]:
    """The number of the cluster of each observation: equal numbers stood in one state, so far as it can be seen.

    Greedy, as in the public code of GiGPO (arXiv 2505.10978): in order, each joins the first cluster of its group whose
    first member it is like, or founds one. It therefore depends on the order: a third one that is like the second and
    not like the first joins the second only where that has founded a cluster of its own.

    Args:
        shown_N: Observations, as ids of tokens; that code compares characters.
        group_N: Number of the prompt of each.
        similarity: The least `difflib` ratio, `2 M / T` with M ids matched of T in both; all ids count, also frequent
            ones (`autojunk=False`).

    Example:
        >>> twenty = tuple(range(20))
        >>> one_other, two_others = (99, *twenty[1:]), (99, 98, *twenty[2:])
        >>> clustered([twenty, one_other, two_others], [0, 0, 0], 0.95)  # 2 * 19 / 40 = 0.95, 2 * 18 / 40 = 0.9
        [0, 0, 1]
        >>> clustered([one_other, twenty, two_others], [0, 0, 0], 0.95)
        [0, 0, 0]
    """
    known: dict[tuple[int, Ids], int] = {}
    first: dict[int, list[tuple[int, SequenceMatcher[int]]]] = {}
    numbers, clusters = [], 0
    for shown, group in zip(shown_N, group_N, strict=True):
        if (group, shown) not in known:
            others = first.setdefault(group, [])
            found = next((number for number, other in others if _alike(other, shown, similarity)), None)
            if found is None:
                found, clusters = clusters, clusters + 1
                others.append((found, SequenceMatcher(None, (), shown, autojunk=False)))
            known[group, shown] = found
        numbers.append(known[group, shown])
    return numbers


def _alike(first: SequenceMatcher[int], shown: Ids, similarity: float) -> bool:
    """Whether the ratio is large enough; the two that are quick to compute are bounds from above."""
    first.set_seq1(shown)
    return first.real_quick_ratio() >= similarity and first.quick_ratio() >= similarity and first.ratio() >= similarity
