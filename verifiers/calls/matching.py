"""Which call is taken for which: each at most once, so that the total is largest."""

from __future__ import annotations

from collections.abc import Sequence

Weights = Sequence[Sequence[float]]
Pair = tuple[int, int]


def best_pairs(weights: Weights) -> list[Pair]:
    """The pairing of rows with columns, each at most once, with the largest sum of weights.

    The Hungarian method with potentials, O(n^2 m) for n rows and m columns, n <= m. Pairs of weight 0 are left out.

    Args:
        weights: [N, M], at least 0.

    Returns:
        (row, column), by row.

    Example:
        >>> best_pairs([[1.0, 0.9], [0.8, 0.0]])
        [(0, 1), (1, 0)]
    """
    if not weights or not weights[0]:
        return []
    if len(weights) > len(weights[0]):
        turned = [[row[j] for row in weights] for j in range(len(weights[0]))]
        return sorted((i, j) for j, i in best_pairs(turned))
    taken_by = _assigned(weights)
    return sorted((i, j) for j, i in enumerate(taken_by) if i >= 0 and weights[i][j] > 0)


def _assigned(weights: Weights) -> list[int]:
    """For each column the row that has it, -1 where none has; rows are added one by one along cheapest paths."""
    n, m = len(weights), len(weights[0])
    rows, columns = [0.0] * (n + 1), [0.0] * (m + 1)
    owner = [n] * m + [n]  # column m stands for the row that is being added; row n is nobody
    for new in range(n):
        owner[m], at = new, m
        cheapest, way = [float("inf")] * m, [m] * m
        seen = [False] * (m + 1)
        while True:
            seen[at] = True
            row = owner[at]
            delta, following = float("inf"), m
            for j in range(m):
                if seen[j]:
                    continue
                cost = -weights[row][j] - rows[row] - columns[j]
                if cost < cheapest[j]:
                    cheapest[j], way[j] = cost, at
                if cheapest[j] < delta:
                    delta, following = cheapest[j], j
            for j in range(m + 1):
                if seen[j]:
                    rows[owner[j]] += delta
                    columns[j] -= delta
                elif j < m:
                    cheapest[j] -= delta
            at = following
            if owner[at] == n:
                break
        while at != m:
            owner[at] = owner[way[at]]
            at = way[at]
    return [-1 if row == n else row for row in owner[:m]]


def best_pairs_in_order(weights: Weights) -> list[Pair]:
    """As `best_pairs`, but pairs may not cross: if row 1 has column 2, row 2 has column 3 or a later one.

    An alignment by dynamic programming, O(n m).

    Example:
        >>> best_pairs_in_order([[0.0, 1.0], [1.0, 0.0]])
        [(1, 0)]
    """
    n, m = len(weights), len(weights[0]) if weights else 0
    best = [[0.0] * (m + 1) for _ in range(n + 1)]  # of the rows from i and the columns from j on
    for i in reversed(range(n)):
        for j in reversed(range(m)):
            best[i][j] = max(best[i + 1][j], best[i][j + 1], weights[i][j] + best[i + 1][j + 1])
    pairs, i, j = list[Pair](), 0, 0
    while i < n and j < m:
        if best[i][j] == best[i + 1][j]:
            i += 1
        elif best[i][j] == best[i][j + 1]:
            j += 1
        else:
            pairs.append((i, j))
            i, j = i + 1, j + 1
    return pairs
