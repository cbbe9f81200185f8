"""What verifiers of games share: a record of moves is judged by playing it again from the start of the reference.

A game says what its moves are called, what they do and when it is over. The same rules serve its environment
(`rlvr_gym.envs.games.board`), so that an episode and its log cannot be judged differently.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rlvr_gym.verifiers.by_rule import Finding, RuleVerifier, UnreadableError
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.verdict import Reason

MAX_MOVES = 10_000
DIRECTIONS = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}
_LETTERS = {name[0]: name for name in DIRECTIONS}


class ImpossibleMoveError(ValueError):
    """Raised by `Replay.play`: the rules forbid this move here, and why. Never leaves a verifier."""


@dataclass(frozen=True)
class Replay(RuleVerifier):
    """Judges a record of moves.

    Subclasses implement `parse_reference`, `moves_of`, `start`, `play`, `over` and `judged`. A position is immutable. A
    record is moves separated by blanks or commas, 1 to 10,000 of them. A record with a move that is not possible
    fails, also where it goes on after the end of the game; its score is that of the moves before.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`).
    """

    max_answer_chars: ClassVar[int] = 100_000
    asks_for: ClassVar[str]  # what a move looks like, for who wrote something else

    markers: tuple[str, ...] = ("answer_tag", "boxed", "####", "whole")

    @abstractmethod
    def moves_of(self, word: str, gold: Any) -> Sequence[str]:
        """The moves that a word stands for, under the names that `play` knows; none where it is no move."""

    @abstractmethod
    def start(self, gold: Any) -> Any:
        """The position in which the game begins."""

    @abstractmethod
    def play(self, position: Any, move: str, gold: Any) -> Any:
        """The position after a move.

        Raises:
            ImpossibleMoveError: The rules forbid it.
        """

    @abstractmethod
    def over(self, position: Any, gold: Any) -> bool:
        """Whether the game has ended here."""

    @abstractmethod
    def judged(self, position: Any, gold: Any) -> Finding:
        """What a record that ends in this position is worth."""

    def read(self, text: str, gold: Any) -> list[str]:
        """The moves of a record.

        Raises:
            UnreadableError: A word is no move, or there are none or too many.
        """
        moves: list[str] = []
        for word in text.replace(",", " ").split():
            found = self.moves_of(word, gold)
            if not found:
                raise UnreadableError("not_a_move", f"{shown(word, 30)} is no move; {self.asks_for}")
            moves += found
        if not 1 <= len(moves) <= MAX_MOVES:
            raise UnreadableError("no_moves", f"a record has 1 to {MAX_MOVES:,} moves, this one has {len(moves):,}")
        return moves

    def check(self, answer: list[str], gold: Any) -> Finding:
        """See `RuleVerifier.check`."""
        position = self.start(gold)
        for number, move in enumerate(answer, start=1):
            try:
                if self.over(position, gold):
                    raise ImpossibleMoveError("the game was over before")
                position = self.play(position, move, gold)
            except ImpossibleMoveError as error:
                score = 0.0 if (found := self.judged(position, gold)).passed else found.score
                return Finding(False, Reason("impossible_move", f"move {number:,}, {move}: {error}"), score)
        return self.judged(position, gold)


def text_rows(text: Any, symbols: str, most: int) -> list[str] | None:
    """The rows of a drawing: at most `most` rows and columns of these symbols; None where it is none.

    Example:
        >>> text_rows("#.#\\n###", "#.", 50), text_rows("#?#", "#.", 50)
        (['#.#', '###'], None)
    """
    if not isinstance(text, str) or not 1 <= len(text) <= most * (most + 1) or not set(text) <= {"\n", *symbols}:
        return None
    rows = text.split("\n")
    return rows if len(rows) <= most and max(map(len, rows)) <= most else None


def directions_of(word: str) -> list[str]:
    """The directions that a word stands for: itself, or one for each of its letters; none where it is no such word.

    Example:
        >>> directions_of("Left"), directions_of("ul"), directions_of("north")
        (['left'], ['up', 'left'], [])
    """
    word = word.lower()
    if word in DIRECTIONS:
        return [word]
    return [_LETTERS[letter] for letter in word] if set(word) <= set(_LETTERS) else []
