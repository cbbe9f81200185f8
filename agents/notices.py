"""What a run says once about its input: what is odd, what follows from it, and what to do."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from rlvr_gym.agents.episode import Episode
from rlvr_gym.verifiers import RlvrError

_LOG = logging.getLogger(__name__)
_BARREN = 3  # steps in a row of which nothing could be graded


class TrainingError(RlvrError, RuntimeError):
    """Training cannot go on. What was saved is untouched; the same command continues from it."""


def why_ungradable(episode: Episode) -> str:
    """Why an episode could not be graded, in one line.

    Example:
        >>> why_ungradable(Episode("t", (), None, "error", {}, error="Traceback ...\\nOSError: no disk\\n"))
        'OSError: no disk'
    """
    last = episode.error.strip().rpartition("\n")[2]
    reason = episode.verdict.get("reason", {})
    return last or str(reason.get("text") or episode.stop_reason)


class Notices:
    """Looks at episodes, or at each step of a run, and says each thing once, as a warning of this module's logger.

    Args:
        aloud: Whether to say anything; of several processes one does.

    Example:
        >>> notices = Notices(aloud=False)
        >>> lost = Episode("t", (), None, "error", {}, error="OSError: no disk")
        >>> for step in (1, 2, 3):
        ...     notices.played(step, [lost])
        Traceback (most recent call last):
            ...
        rlvr_gym.agents.notices.TrainingError: of the last 3 steps no episode could be graded; the last error was:
        OSError: no disk
    """

    def __init__(self, *, aloud: bool = True) -> None:
        self._aloud = aloud
        self._said: set[str] = set()
        self._barren = 0

    def finished(self, number: int, episode: Episode) -> None:
        """Look at the episode of a play, of which the number is given."""
        if not episode.gradable:
            self._say("ungradable", f"play {number} could not be graded: {why_ungradable(episode)}; the others go on")

    def played(self, step: int, episodes: Sequence[Episode]) -> None:
        """Look at what was played for a step.

        Raises:
            TrainingError: Nothing could be graded in three steps on end.
        """
        lost = [episode for episode in episodes if not episode.gradable]
        if lost:
            self._say(
                "ungradable",
                f"step {step}: {len(lost)} of {len(episodes)} episodes could not be graded and are left out; the "
                f"first: {why_ungradable(lost[0])}. The metric 'ungradable' counts them",
            )
        self._barren = self._barren + 1 if len(lost) == len(episodes) else 0
        if not self._barren:
            return
        self._say("barren", f"step {step}: no episode could be graded, so no update is made, and there are no means")
        if self._barren >= _BARREN:
            last = lost[-1].error.strip() if lost and lost[-1].error else ""
            why = last or (why_ungradable(lost[-1]) if lost else "nothing was played")
            raise TrainingError(f"of the last {_BARREN} steps no episode could be graded; the last error was:\n{why}")

    def hinted(self, step: int, groups: Sequence[Sequence[Episode]]) -> None:
        """Look at the groups of a step whose rollout gives hints where all failed."""
        lost = [episodes for episodes in groups if _failed_unhinted(episodes)]
        if lost:
            self._say(
                "unhinted",
                f"step {step}: {len(lost)} of {len(groups)} groups failed and were given no hint: of their tasks there "
                "is no solution that could be shown, or it is the answer and nothing else. They are learnt from as "
                "without hints. The metric 'hinted' is the share of episodes with a hint",
            )

    def learnt(self, metrics: Mapping[str, float], group_size: int) -> None:
        """Look at the metrics of a step."""
        step, graded = f"step {metrics['step']:.0f}", metrics["episodes"] > metrics["ungradable"]
        if graded and group_size > 1 and metrics["tied_groups"] == 1 and metrics["grad_norm"] == 0:
            self._say(
                "tied",
                f"{step}: within each group all rewards are equal (mean {metrics['reward_mean']:g}), so advantages, "
                "loss and gradient are exactly 0. That is no fault of the program, but there is nothing to learn from: "
                "the task is too hard or too easy for this model, or the reward does not tell answers apart. The "
                "metric 'tied_groups' counts such groups",
            )
        if graded and metrics["cut_off"] == 1:
            self._say(
                "cut off",
                f"{step}: every response was cut off at max_new_tokens before it ended by itself. Raise that limit, or "
                "leave such responses out of the loss: filter.finished. The metric 'cut_off' is their share",
            )

    def _say(self, what: str, text: str) -> None:
        if self._aloud and what not in self._said:
            _LOG.warning("%s (said once)", text)
        self._said.add(what)


def _failed_unhinted(episodes: Sequence[Episode]) -> bool:
    graded = [episode for episode in episodes if episode.gradable]
    return bool(graded) and not any(episode.succeeded or episode.hint for episode in graded)
