"""Drawings of a machine and of a run, as SVG. They need nothing but this module, and a browser to look at them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import islice
from typing import NamedTuple

from rlvr_gym.verifiers.manufactoria import END, NONE, Moment, Program, run, strict_budget, trace
from rlvr_gym.verifiers.manufactoria.program import PAINTERS, PULLERS, START

INK, PAPER, QUIET = "#20242a", "#ffffff", "#8a919c"
FILLS = {"R": "#d9483b", "B": "#3b78d9", "Y": "#e0b020", "G": "#3f9e57"}
_LETTERS = {"R": "#ffffff", "B": "#ffffff", "Y": "#20242a", "G": "#ffffff"}
_FONT = "font-family='ui-monospace,Menlo,Consolas,monospace'"
_WIDTH, _HEIGHT, _ACROSS, _DOWN, _MARGIN = 112, 46, 196, 92, 34
_SQUARE, _LINE = 22, 34


class _Place(NamedTuple):
    """The column and row of a node, and the middle of its box."""

    column: int
    x: float
    y: float


class _Edge(NamedTuple):
    """An edge: from a port of a node to another, in a colour, with what it is taken on."""

    source: int
    port: int
    ports: int
    target: int
    label: str


def machine_svg(program: Program, title: str = "") -> str:
    """A machine as a graph, from its start on the left to `end`; edges that lead to NONE are left out.

    An edge has the colour of the symbol that it is taken on, and is dashed where nothing is taken.

    Args:
        program: The machine.
        title: Written above it.

    Example:
        >>> from rlvr_gym.verifiers.manufactoria import parse_compact
        >>> machine_svg(parse_compact("P!0-;")).count("<path class='edge'")
        3
    """
    places = _placed(program)
    edges = [edge for edge in _edges(program) if edge.target in places and edge.source in places]
    back = max((places[e.source].column - places[e.target].column + 1 for e in edges), default=0)
    width = max(place.x for place in places.values()) + _WIDTH / 2 + _MARGIN
    height = max(place.y for place in places.values()) + _HEIGHT / 2 + _MARGIN + 26 + max(0, back) * 14
    drawn = [_path(edge, places) for edge in edges]
    drawn += [_box(program, number, place) for number, place in places.items()]
    note = "an edge that is not drawn leads to NONE; dashed: nothing is taken"
    return _document(width, height, [_text(_MARGIN, 22, title, INK, 15, "start"), *drawn], note)


def run_svg(program: Program, tape: str, rows: int = 40) -> str:
    """A run of a machine, moment by moment: the node and the tape that it finds.

    Args:
        program: The machine.
        tape: What the tape holds at the beginning.
        rows: Moments that are drawn at most.

    Example:
        >>> from rlvr_gym.verifiers.manufactoria import parse_compact
        >>> drawing = run_svg(parse_compact("P!0-;"), "BRB")
        >>> drawing.count("<g class='moment'"), drawing.count("accepted")
        (4, 1)
    """
    ended = run(program, tape, strict_budget(program, tape))
    moments = list(islice(trace(program, tape), rows))
    names = {END: "end", NONE: "NONE", **{number: node.name for number, node in enumerate(program.nodes)}}
    left = _MARGIN + 44 + 9 * max(len(names[moment.node]) for moment in moments)
    drawn = [_moment(number, names[moment.node], moment, left) for number, moment in enumerate(moments)]
    endings = {"accept": "accepted", "reject": "rejected", "loop": "runs for ever", "budget": "does not end"}
    shown = f"{len(moments)} moments are drawn" if len(moments) == rows and moments[-1].node >= 0 else ""
    said = ", ".join(filter(None, (endings[ended.outcome.value], f"{ended.visits} visits", shown)))
    longest = max(len(moment.tape) for moment in moments)
    width = max(left + (longest + 1) * _SQUARE + _MARGIN, 420)
    return _document(width, len(moments) * _LINE + 2 * _MARGIN + 16, drawn, said)


def _document(width: float, height: float, drawn: Sequence[str], note: str) -> str:
    markers = "".join(
        f"<marker id='to-{name}' viewBox='0 0 8 8' refX='7' refY='4' markerWidth='7' markerHeight='7' orient='auto'>"
        f"<path d='M0 0 L8 4 L0 8 z' fill='{fill}'/></marker>"
        for name, fill in {**FILLS, "E": QUIET, "N": INK}.items()
    )
    body = "\n".join(drawn)
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width:.0f} {height:.0f}' width='{width:.0f}' "
        f"height='{height:.0f}' {_FONT}>\n<defs>{markers}</defs>\n<rect width='100%' height='100%' fill='{PAPER}'/>\n"
        f"{body}\n{_text(_MARGIN, height - 12, note, QUIET, 12, 'start')}\n</svg>\n"
    )


def _placed(program: Program) -> dict[int, _Place]:
    """Nodes in columns by their distance from the start; of those that nothing reaches, none."""
    columns: list[list[int]] = [[START]]
    seen = {START}
    while columns[-1]:
        found = [to for number in columns[-1] for to in program.nodes[number].targets]
        columns.append([to for to in dict.fromkeys(found) if to >= 0 and to not in seen])
        seen.update(columns[-1])
    columns[-1] = [END]
    tallest = max(len(column) for column in columns)
    places = {}
    for number, column in enumerate(columns):
        for row, node in enumerate(column):
            y = _MARGIN + 56 + (row + (tallest - len(column)) / 2) * _DOWN
            places[node] = _Place(number, _MARGIN + _WIDTH / 2 + number * _ACROSS, y)
    return places


def _edges(program: Program) -> list[_Edge]:
    edges = []
    for number, node in enumerate(program.nodes):
        labels = (*PULLERS[node.kind], "E") if node.kind in PULLERS else ("N",)
        for port, (label, target) in enumerate(zip(labels, node.targets, strict=True)):
            if target != NONE:
                edges.append(_Edge(number, port, len(labels), target, label))
    return edges


def _path(edge: _Edge, places: dict[int, _Place]) -> str:
    source, target = places[edge.source], places[edge.target]
    x1, y1 = source.x + _WIDTH / 2, source.y + (edge.port - (edge.ports - 1) / 2) * 14
    x2, y2 = target.x - _WIDTH / 2 - 1, target.y
    back = source.column - target.column
    if back < 0:
        bend = (x2 - x1) * 0.45
        middle = f"C{x1 + bend:.0f} {y1:.0f} {x2 - bend:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"
    elif edge.source == edge.target:
        top = source.y - _HEIGHT / 2 - 20 - 9 * (edge.ports - 1 - edge.port)
        end = source.x - 26 + 26 * edge.port
        middle = f"C{x1 + 30:.0f} {y1:.0f} {x1 + 16:.0f} {top:.0f} {source.x + 26:.0f} {top:.0f} "
        middle += f"S{end:.0f} {top:.0f} {end:.0f} {source.y - _HEIGHT / 2 - 1:.0f}"
    else:  # under the boxes, and up again
        low = max(source.y, target.y) + _HEIGHT / 2 + 22 + 14 * back + 6 * edge.port
        end = target.x - 24 + 16 * edge.port
        middle = f"C{x1 + 34:.0f} {y1:.0f} {x1 + 34:.0f} {low:.0f} {x1 - 10:.0f} {low:.0f} "
        middle += f"L{end + 24:.0f} {low:.0f} Q{end:.0f} {low:.0f} {end:.0f} {target.y + _HEIGHT / 2 + 1:.0f}"
    colour = FILLS.get(edge.label, QUIET if edge.label == "E" else INK)
    dashed = " stroke-dasharray='5 4'" if edge.label == "E" else ""
    taken = _text(x1 + 7, y1 - 4, edge.label, colour, 10) if edge.label in FILLS else ""
    return (
        f"<path class='edge' d='M{x1:.0f} {y1:.0f} {middle}' fill='none' stroke='{colour}' stroke-width='1.8'{dashed} "
        f"marker-end='url(#to-{edge.label})'/>{taken}"
    )


def _box(program: Program, number: int, place: _Place) -> str:
    x, y = place.x - _WIDTH / 2, place.y - _HEIGHT / 2
    if number == END:
        return (
            f"<circle cx='{place.x - _WIDTH / 2 + 26:.0f}' cy='{place.y:.0f}' r='25' fill='{PAPER}' stroke='{INK}' "
            f"stroke-width='4'/>{_text(place.x - _WIDTH / 2 + 26, place.y + 5, 'end', INK, 14)}"
        )
    node = program.nodes[number]
    painted = PAINTERS.get(node.kind, "")
    fill = FILLS.get(painted, "#e9ecf1" if node.kind in PULLERS else INK)
    ink = _LETTERS.get(painted, INK if node.kind in PULLERS else PAPER)
    kind = f"takes {' '.join(PULLERS[node.kind])}" if node.kind in PULLERS else f"paints {painted}" if painted else ""
    name = node.name if len(node.name) <= 12 else node.name[:11] + "…"
    lines = [_text(place.x, place.y + (-3 if kind else 5), name, ink, 14)]
    lines += [_text(place.x, place.y + 14, kind, ink, 11)] if kind else []
    return (
        f"<rect x='{x:.0f}' y='{y:.0f}' width='{_WIDTH}' height='{_HEIGHT}' rx='{4 if kind else 23}' fill='{fill}' "
        f"stroke='{INK}' stroke-width='1.4'/>{''.join(lines)}"
    )


def _moment(number: int, name: str, moment: Moment, left: float) -> str:
    y = _MARGIN + number * _LINE
    squares = [
        f"<rect x='{left + i * _SQUARE:.0f}' y='{y:.0f}' width='{_SQUARE - 2}' height='{_SQUARE - 2}' rx='3' "
        f"fill='{FILLS[symbol]}'/>{_text(left + i * _SQUARE + 10, y + 15, symbol, _LETTERS[symbol], 12)}"
        for i, symbol in enumerate(moment.tape)
    ]
    if not squares:
        squares = [_text(left, y + 15, "(empty)", QUIET, 12, "start")]
    head = _text(_MARGIN, y + 15, str(number + 1), QUIET, 12, "start")
    return f"<g class='moment'>{head}{_text(_MARGIN + 34, y + 15, name, INK, 14, 'start')}{''.join(squares)}</g>"


def _text(x: float, y: float, text: str, fill: str, size: int, anchor: str = "middle") -> str:
    return (
        f"<text x='{x:.0f}' y='{y:.0f}' fill='{fill}' font-size='{size}' text-anchor='{anchor}'>{escape(text)}</text>"
    )
