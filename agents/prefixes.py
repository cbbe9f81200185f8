"""What was computed of conversations that may go on: keys and values of their tokens, found again by the ids.

An episode of many turns asks for its whole conversation again at each of them. `Prefixes` keeps the cache of every row
that was decoded; the next call finds for each prompt the longest beginning it has in common with one of them, and only
what follows is read. It is right as long as the model's parameters stay as they are.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

# Above this the oldest are forgotten.
KEPT_BYTES = 2 << 30


class Page(NamedTuple):
    """The cache of rows that were decoded together.

    Args:
        layers: Keys and values of each layer, [R, 2, heads, W, size] and contiguous.
        attention_RW: 0 where a column is no token of the row; of the columns in use.
    """

    layers: tuple[Tensor, ...]
    attention_RW: Tensor

    @property
    def bytes(self) -> int:
        """Memory that it takes."""
        return sum(states.nbytes for states in self.layers)


class Known(NamedTuple):
    """What is known of prompts, padded on the left to one width W.

    Args:
        lengths: Tokens of each prompt that are known.
        layers: Keys and values of each layer, [U, 2, heads, W + rest, size]: with room for what is not known.
        attention_UW: 0 at padding.
    """

    lengths: list[int]
    layers: list[Tensor]
    attention_UW: Tensor


class Prefixes:
    """Finds what was computed of a prompt's beginning.

    Args:
        kept_bytes: Above this the oldest pages are forgotten. A page counts whole while one of its rows is kept.

    Example:
        >>> prefixes = Prefixes()
        >>> states = torch.arange(12.0).reshape(1, 2, 1, 3, 2)
        >>> prefixes.add([(5, 6, 7)], Page((states,), torch.ones(1, 3)))
        >>> known = prefixes.known([(5, 6, 9)])  # two tokens in common, one to read
        >>> known.lengths, known.layers[0][0, 0, 0, :2].tolist()
        ([2], [[0.0, 1.0], [2.0, 3.0]])
    """

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self.kept_bytes = kept_bytes
        self._sorted: list[tuple[int, ...]] = []
        self._places: dict[tuple[int, ...], tuple[Page, int]] = {}

    def add(self, rows: Sequence[tuple[int, ...]], page: Page) -> None:
        """Keep rows, each with the ids whose keys and values it holds, in order. Beginnings of theirs are forgotten."""
        for row, ids in enumerate(rows):
            before = bisect_left(self._sorted, ids) - 1
            if before >= 0 and ids[: len(self._sorted[before])] == self._sorted[before]:
                self._forget(before)
            if ids not in self._places:
                insort(self._sorted, ids)
            self._places.pop(ids, None)
            self._places[ids] = (page, row)  # the newest last
        self._shrink()

    def known(self, prompts: Sequence[Sequence[int]]) -> Known | None:
        """What is known of prompts; None where it is nothing. The last token of each is left to be read."""
        found = [self._longest(tuple(prompt)) for prompt in prompts]
        lengths_U = torch.tensor([length for length, _ in found])
        width = int(lengths_U.max())
        if width == 0:
            return None
        rest = max(len(prompt) - length for prompt, (length, _) in zip(prompts, found, strict=True))
        groups: dict[int, list[int]] = {}
        for member, (length, ids) in enumerate(found):
            if length:
                groups.setdefault(id(self._places[ids][0]), []).append(member)
        some = self._places[max(found)[1]][0]
        layers = [_blank(states, len(prompts), width + rest) for states in some.layers]
        for members in groups.values():
            page = self._places[found[members[0]][1]][0]
            rows = torch.tensor([self._places[found[member][1]][1] for member in members])
            columns = _columns(page.attention_RW[rows.to(page.attention_RW.device)], lengths_U[members], width)
            for target, states in zip(layers, page.layers, strict=True):
                target[members, ..., :width, :] = _taken(states, rows, columns)
        attention_UW = (torch.arange(width) >= width - lengths_U[:, None]).long()
        return Known(lengths_U.tolist(), layers, attention_UW.to(some.attention_RW.device))

    def _longest(self, prompt: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
        """Tokens known of a prompt, but for its last, and the ids of the row that holds them."""
        place = bisect_left(self._sorted, prompt)
        near = self._sorted[max(place - 1, 0) : place + 1]
        return max(((_common(ids, prompt[:-1]), ids) for ids in near), default=(0, ()))

    def _forget(self, place: int) -> None:
        del self._places[self._sorted.pop(place)]

    def _shrink(self) -> None:
        pages = {id(page): page for page, _ in self._places.values()}
        spare = sum(page.bytes for page in pages.values()) - self.kept_bytes
        for oldest in list(pages.values())[:-1]:
            if spare <= 0:
                break
            spare -= oldest.bytes
            for place in reversed(range(len(self._sorted))):
                if self._places[self._sorted[place]][0] is oldest:
                    self._forget(place)


def _blank(states: Tensor, rows: int, width: int) -> Tensor:
    """Zeros: what is not attended to is multiplied by 0 all the same, and must be a number."""
    _, two, heads, _, size = states.shape
    return states.new_zeros(rows, two, heads, width, size)


def _columns(attention_RW: Tensor, lengths_R: Tensor, width: int) -> Tensor:
    """Columns of the rows' first tokens, so many of each, in order and at the right of `width` places."""
    order_RW = attention_RW.argsort(dim=1, descending=True, stable=True)
    places_RN = torch.arange(width) - (width - lengths_R[:, None])
    return order_RW.gather(1, places_RN.clamp_(min=0).to(order_RW.device))


def _taken(states: Tensor, rows: Tensor, columns_RN: Tensor) -> Tensor:
    """States of these rows at columns of each, [R, 2, heads, N, size]."""
    _, two, heads, width, size = states.shape
    lines = rows.to(states.device)[:, None] * (two * heads) + torch.arange(two * heads, device=states.device)
    places = lines[:, :, None] * width + columns_RN[:, None]
    return states.view(-1, size).index_select(0, places.flatten()).view(len(rows), two, heads, -1, size)


def _common(first: tuple[int, ...], second: tuple[int, ...]) -> int:
    """How many ids two tuples begin with in common."""
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
