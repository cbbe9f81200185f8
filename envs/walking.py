"""What environments of places and moves share: a response is one move, the goal ends the episode.

The reward comes at the goal alone, so the state is what credit can be given by: the anchor is the place.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from rlvr_gym.envs.action import Transition
from rlvr_gym.envs.procedural import ProceduralGame
from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.envs.task import Task
from rlvr_gym.verifiers import Verdict, Verifier, make_verifier
from rlvr_gym.verifiers.by_rule import compact_markers
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.extraction import NoSlot, final_slot

_MARKERS = ("answer_tag", "boxed", "####")


class WalkingEnv(ProceduralGame):
    """One move a turn through the world of the task's reference; judged by `walk@1`.

    A family says what is seen at a place (`view`). What is no move leaves one where one is and costs a turn. The
    episode ends at the goal, or with the verdict on the way that was gone when the turns are over.
    """

    _moves: list[str]
    _place: str

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return make_verifier("walk@1", **compact_markers(style))

    @abstractmethod
    def view(self, task: Task, place: str) -> str:
        """What is told at a place that is not the goal."""

    @cached_property
    def bare(self) -> bool:
        """Whether a response is a move and nothing else, as small models write it."""
        return bool(self.verifier.config()["markers"] == ["whole"])

    def begin(self, task: Task) -> str:
        """See `TextEnv.begin`."""
        self._moves, self._place = [], task.reference["start"]
        return task.prompt + self.view(task, self._place)

    def transition(self, action: str) -> Transition:
        """See `TextEnv.transition`."""
        task = self.task
        ways: Mapping[str, str] = task.reference["moves"][self._place]
        move = self._read(action)
        stays = move not in ways
        if not stays:
            self._place = ways[move]
            self._moves.append(move)
        if self._place == task.reference["goal"] or self._turn >= self.max_turns:
            return Transition(verdict=self._judged())
        there = self.view(task, self._place)
        return Transition(there if self.bare or not stays else f"That leads nowhere. {there}")

    def get_state(self) -> Any:
        """The moves that led on, and where they led."""
        return {"moves": self._moves, "place": self._place}

    def set_state(self, state: Any) -> None:
        """See `TextEnv.set_state`."""
        if not isinstance(state, Mapping) or state.keys() != {"moves", "place"}:
            raise SnapshotError(f"expected moves and a place, got {shown(state)}")
        self._moves, self._place = state["moves"], state["place"]

    def anchor_state(self) -> Any:
        """The place; None at the start, however one came there."""
        return None if self._place == self.task.reference["start"] else self._place

    def _read(self, action: str) -> str:
        if self.bare:
            return str(action).strip()
        slot = final_slot(str(action), _MARKERS)
        return "" if isinstance(slot, NoSlot) else slot.text.strip().lower()

    def _judged(self) -> Verdict:
        way = " ".join(self._moves)
        return self.verifier.verify(way if self.bare else f"<answer>{way}</answer>", self.task.reference)
