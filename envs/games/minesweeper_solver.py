"""Inference in a field with mines: what follows from the numbers that are seen, without a guess.

Three rules, again and again: a number that is used up makes the rest around it safe, one that needs all closed cells
around it makes them mines, and of two numbers the cells of one alone can hold no more than they differ by. The number
of all mines is one more such number.
"""

from __future__ import annotations

from rlvr_gym.verifiers.games.minesweeper import Field, around, cells_of, open_cell


def solved(field: Field) -> list[list[int]] | None:
    """The cells to open, in the rounds in which they follow from what is open before; None where some follow never.

    Example:
        >>> solved(Field(3, 2, mines=0b100, start=0b1000))  # 1 mine around a2, and 1 in all
        >>> solved(Field(4, 1, mines=0b1000, start=0b11))  # the cell beside shows that no mine is around it
        [[2]]
    """
    opened, rounds = field.start, list[list[int]]()
    while opened != field.safe:
        safe = certain(field, opened)
        if not safe:
            return None
        rounds.append([])
        for cell in cells_of(safe):
            if not opened >> cell & 1:  # where none before it opened it
                rounds[-1].append(cell)
                opened = open_cell(cell, opened, field)
    return rounds


def certain(field: Field, opened: int) -> int:
    """The closed cells that hold no mine, for all that can be seen by these rules."""
    mines = 0
    while True:
        rules = _rules(field, opened, mines)
        safe, more = _by_one(rules)
        if not safe and not more:
            safe, more = _by_two(rules)
        if safe or not more:
            return safe
        mines |= more


def _rules(field: Field, opened: int, mines: int) -> list[tuple[int, int]]:
    """Closed cells, each group with how many mines are among them besides those that are known."""
    closed = (1 << field.width * field.height) - 1 & ~opened & ~mines
    neighbours = around(field.width, field.height)
    rules = {closed: field.mines.bit_count() - mines.bit_count()}
    for cell in cells_of(opened):
        near = neighbours[cell]
        if unknown := near & closed:
            rules[unknown] = (near & field.mines).bit_count() - (near & mines).bit_count()
    return list(rules.items())


def _by_one(rules: list[tuple[int, int]]) -> tuple[int, int]:
    safe = mines = 0
    for cells, count in rules:
        if count == 0:
            safe |= cells
        elif count == cells.bit_count():
            mines |= cells
    return safe, mines


def _by_two(rules: list[tuple[int, int]]) -> tuple[int, int]:
    safe = mines = 0
    for one, few in rules:
        for other, many in rules:
            alone = other & ~one
            if many >= few and other & one and one != other and alone.bit_count() == many - few:
                mines |= alone
                safe |= one & ~other
    return safe, mines
