"""`rlvr/LinearAlgebra-v0`: vectors, matrices and linear systems, with answers that are numbers."""

from __future__ import annotations

from fractions import Fraction

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.mathematics.worked import EFFORT, FORMAT, LEVELS, Worked, WorkedEnv, WorkedTaskSet, packed, signed
from rlvr_gym.envs.procedural import TaskRandom

Matrix = list[list[int]]


def product(rng: TaskRandom, scale: int) -> Worked:
    """One entry of a product of matrices, or of a power of one."""
    size, high = (2, 9) if scale == 1 else (3, 9) if scale < 4 else (4, 12)
    left, right = _matrix(rng, size, high), _matrix(rng, size, high)
    row, column = rng.below(size), rng.below(size)
    terms = [(left[row][k], right[k][column]) for k in range(size)]
    answer = sum(a * b for a, b in terms)
    steps = (
        f"Row {row + 1} of A is {left[row]}, column {column + 1} of B is {[one[column] for one in right]}.",
        *(f"{a} * {b} = {a * b}." for a, b in terms),
        f"Their sum is {answer}.",
    )
    question = (
        f"A is {_text(left)} and B is {_text(right)}, written row by row. What is the entry in row {row + 1} and "
        f"column {column + 1} of AB?"
    )
    return Worked(question, packed(f"{left}*{right}[{row + 1},{column + 1}]"), steps, str(answer))


def determinant(rng: TaskRandom, scale: int) -> Worked:
    """A determinant, by elimination."""
    size = 2 if scale == 1 else 3 if scale < 4 else 4
    matrix = _matrix(rng, size, 5 + 2 * scale)
    steps, value = _eliminated(matrix)
    question = f"What is the determinant of the matrix {_text(matrix)}, written row by row?"
    return Worked(question, packed(f"det{matrix}"), (*steps, f"It is {value}."), str(value), _transposed_key(matrix))


def inner(rng: TaskRandom, scale: int) -> Worked:
    """The inner product of two combinations of vectors."""
    size, high = 2 + scale, 5 + 3 * scale
    u, v, w = ([signed(rng, high) for _ in range(size)] for _ in range(3))
    a, b = signed(rng, 2 + scale), signed(rng, 2 + scale)
    combined = [a * x + b * y for x, y in zip(u, v, strict=True)]
    answer = sum(x * y for x, y in zip(combined, w, strict=True))
    steps = (
        f"{a}u + {b}v = {combined}.".replace("+ -", "- "),
        *(f"{x} * {y} = {x * y}." for x, y in zip(combined, w, strict=True)),
        f"Their sum is {answer}.",
    )
    question = f"With u = {u}, v = {v} and w = {w}, what is the inner product of {a}u + {b}v with w?".replace(
        "+ -", "- "
    )
    return Worked(question, packed(f"({a}{u}+{b}{v}).{w}"), steps, str(answer))


def solved(rng: TaskRandom, scale: int) -> Worked:
    """The sum of the unknowns of a linear system with a whole solution, by elimination."""
    size = 2 if scale == 1 else 3
    while True:
        matrix = _matrix(rng, size, 3 + 2 * scale)
        steps, value = _eliminated(matrix)
        if value:
            break
    x = [signed(rng, 5 * scale) for _ in range(size)]
    right = [sum(a * b for a, b in zip(row, x, strict=True)) for row in matrix]
    names = "xyz"[:size]
    found = ", ".join(f"{name} = {one}" for name, one in zip(names, x, strict=True))
    checks = (
        f"{' + '.join(f'{a} * {b}' for a, b in zip(row, x, strict=True))} = {one}."
        for row, one in zip(matrix, right, strict=True)
    )
    question = (
        f"Solve Av = b for A = {_text(matrix)} (row by row) and b = {right}. What is the sum of the entries of v?"
    )
    told = (*steps, f"The system has one solution: {found}.", *checks, f"The sum is {sum(x)}.")
    return Worked(question, packed(f"sum {matrix}v={right}"), told, str(sum(x)))


def trace(rng: TaskRandom, scale: int) -> Worked:
    """The trace of the square of a matrix: the sum of the squares of its eigenvalues."""
    size = 2 if scale < 3 else 3
    matrix = _matrix(rng, size, 4 + 3 * scale)
    squares = [sum(matrix[i][k] * matrix[k][i] for k in range(size)) for i in range(size)]
    steps = (
        *(
            f"Entry {i + 1},{i + 1} of the square: "
            + " + ".join(f"{matrix[i][k]} * {matrix[k][i]}" for k in range(size))
            + f" = {squares[i]}."
            for i in range(size)
        ),
        f"The sum is {sum(squares)}.",
    )
    question = (
        f"What is the sum of the squares of the eigenvalues, with their multiplicities, of the matrix {_text(matrix)}, "
        "written row by row?"
    )
    return Worked(question, packed(f"tr{matrix}^2"), steps, str(sum(squares)), key=_transposed_key(matrix))


def _matrix(rng: TaskRandom, size: int, high: int) -> Matrix:
    return [[rng.between(-high, high) for _ in range(size)] for _ in range(size)]


def _text(matrix: Matrix) -> str:
    return "[" + "; ".join(", ".join(map(str, row)) for row in matrix) + "]"


def _transposed_key(matrix: Matrix) -> str:
    """A matrix and its transpose have one determinant and one trace."""
    return str(min(matrix, [list(column) for column in zip(*matrix, strict=True)]))


def _eliminated(matrix: Matrix) -> tuple[list[str], int]:
    """The pivots of an elimination, told, and the determinant."""
    rows = [[Fraction(value) for value in row] for row in matrix]
    steps: list[str] = []
    value = Fraction(1)
    for place in range(len(rows)):
        pivot = next((row for row in range(place, len(rows)) if rows[row][place]), None)
        if pivot is None:
            return [*steps, f"Column {place + 1} has no pivot."], 0
        if pivot != place:
            rows[place], rows[pivot] = rows[pivot], rows[place]
            value = -value
            steps.append(f"Exchange rows {place + 1} and {pivot + 1}, which changes the sign.")
        value *= rows[place][place]
        for row in rows[place + 1 :]:
            factor = row[place] / rows[place][place]
            row[:] = [a - factor * b for a, b in zip(row, rows[place], strict=True)]
        steps.append(f"Pivot {place + 1} is {rows[place][place]}; the product so far is {value}.")
    return steps, int(value)


class LinearAlgebraTaskSet(WorkedTaskSet):
    """Linear algebra: `product`, `determinant`, `inner`, `solved`, `trace`; see `WorkedTaskSet`."""

    topic = "LinearAlgebra"
    table = {  # noqa: RUF012 - a table of the class
        "product": product,
        "determinant": determinant,
        "inner": inner,
        "solved": solved,
        "trace": trace,
    }


class LinearAlgebraEnv(WorkedEnv):
    """Vectors, matrices and linear systems; the answer is a number, judged exactly by `number@1`.

    Knobs: those of `LinearAlgebraTaskSet`.

    Example:
        >>> env = LinearAlgebraEnv(kinds=["determinant"], scale=1, style="compact")
        >>> env.reset(options={"task_index": 0})[0]
        'det[[6,0],[-3,-3]]:'
        >>> env.step("-18")[4]["passed"]
        True
    """

    card = Card(
        family="math",
        answer_format=FORMAT,
        licence=GENERATED,
        chance=0.02,
        chance_reason="the most frequent answer, 0, is that of 1.2 % of 8,000 default tasks",
        distinct=1_000_000,
        levels=LEVELS,
        effort=EFFORT,
    )

    taskset_class = LinearAlgebraTaskSet
