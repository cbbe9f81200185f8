"""Curves as pictures: pass@k and its difference as SVG drawn here, and pass@k as PNG through matplotlib.

All pictures are functions of the summaries alone: the same run gives the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlvr_gym.benchmarks.compare import Comparison
from rlvr_gym.benchmarks.curve import CurvePoint, Summary
from rlvr_gym.benchmarks.report_page import Html, join, printable, tag
from rlvr_gym.verifiers import MissingExtraError

NO_CURVE = "No curve: no task has enough gradable samples."


@dataclass(frozen=True)
class Series:
    """How one run is drawn: colours on light and dark, and a marker, so that colour alone carries nothing."""

    light: str
    dark: str
    path: str
    marker: str


# Okabe and Ito's palette without its yellow, the two palest colours darkened to be seen on white, and Tol's wine.
SERIES = (
    Series("#0072b2", "#5aaeea", "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0z", "o"),
    Series("#d55e00", "#ff9457", "M-3.5,-3.5h7v7h-7z", "s"),
    Series("#009e73", "#37c79d", "M0,-4.6L4.6,3.6h-9.2z", "^"),
    Series("#cc79a7", "#e79cc6", "M0,-5L5,0L0,5L-5,0z", "D"),
    Series("#b37a00", "#f0b93a", "M0,4.6L4.6,-3.6h-9.2z", "v"),
    Series("#3c9fd6", "#8cd0f5", "M-1.5,-4.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z", "P"),
    Series("#555555", "#bbbbbb", "M0,-5L4.8,-1.6L2.9,4.1H-2.9L-4.8,-1.6z", "p"),
    Series("#882255", "#d8739b", "M-4.5,0L-2.2,-4h4.4L4.5,0L2.2,4h-4.4z", "h"),
)

WIDTH, LEFT, RIGHT, BOTTOM = 760.0, 58.0, 18.0, 46.0
CURVE_HEIGHT, DIFFERENCE_HEIGHT = 340.0, 210.0
LEGEND_ROW, LETTER = 22.0, 6.6
LABEL_GAP = 30.0  # px between labels of the k axis
MUTED, LINE, PAGE = "var(--muted,#5f6670)", "var(--line,#dde1e6)", "var(--page,#fff)"
HALO = f"fill:{MUTED};stroke:{PAGE};stroke-width:4px;stroke-linejoin:round;paint-order:stroke"


@dataclass(frozen=True)
class Axes:
    """A plot area: k on a log2 axis from left to right, values from `low` to `high` upwards.

    Args:
        ks: Every k that is drawn.
        low: Value at the lower edge.
        high: Value at the upper edge.
        top: Upper edge in pixels.
        height: Height in pixels.
    """

    ks: tuple[int, ...]
    low: float
    high: float
    top: float
    height: float

    def x(self, k: float) -> float:
        """Pixels from the left; a lone k stands in the middle."""
        first, last = math.log2(self.ks[0]), math.log2(self.ks[-1])
        share = (math.log2(k) - first) / (last - first) if last > first else 0.5
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """Pixels from the top."""
        return self.top + (self.high - value) / (self.high - self.low) * self.height


def series_style() -> str:
    """CSS variables of the colours, for light and dark."""
    light = " ".join(f"--series-{i}: {series.light};" for i, series in enumerate(SERIES))
    dark = " ".join(f"--series-{i}: {series.dark};" for i, series in enumerate(SERIES))
    return f"\n:root {{ {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}"


def series_colour(index: int) -> str:
    """CSS declaration of `--c`, the colour of a run."""
    index %= len(SERIES)
    return f"--c:var(--series-{index},{SERIES[index].light})"


def percent(value: float, digits: int = 1) -> str:
    """A share in percent.

    Example:
        >>> percent(0.625), percent(1.0, 0)
        ('62.5 %', '100 %')
    """
    return f"{100 * value:.{digits}f} %"


def points_of_percent(value: float, digits: int = 1) -> str:
    """A difference of shares, signed, in percentage points.

    Example:
        >>> points_of_percent(-0.125), points_of_percent(0.5), points_of_percent(0.0)
        ('−12.5', '+50.0', '0.0')
    """
    text = f"{100 * value:+.{digits}f}".replace("-", "−")
    return text if text.strip("+−0.") else text[1:]


def labelled_ks(ks: Sequence[int], gap: float) -> tuple[int, ...]:
    """The ks whose labels fit: the ends first, then powers of two, then the others, each `gap` from those before it.

    Args:
        ks: Rising.
        gap: Room that a label needs, as a share of the axis.

    Example:
        >>> labelled_ks(range(1, 17), 0.1)
        (1, 2, 3, 4, 6, 8, 11, 16)
    """
    ks = sorted(ks)
    span = math.log2(ks[-1] / ks[0]) or 1.0
    kept: list[int] = []
    for k in sorted(ks, key=lambda k: (k not in (ks[0], ks[-1]), k & (k - 1) != 0, k)):
        if all(abs(math.log2(k / other)) / span >= gap for other in kept):
            kept.append(k)
    return tuple(sorted(kept))


def curve_svg(summaries: Sequence[Summary]) -> Html:
    """pass@k curves with their 95 % bands as one `<svg>`, in the colours of the surrounding page.

    Runs without a curve keep their colour and are left out of the picture.
    """
    drawn = [(i, summary) for i, summary in enumerate(summaries) if summary.curve]
    if not drawn:
        return _svg(60.0, NO_CURVE, [_text(WIDTH / 2, 34, NO_CURVE, "middle")])
    legend, top = _legend([(i, summary.run) for i, summary in drawn])
    ks = tuple(sorted({point.k for _, summary in drawn for point in summary.curve}))
    axes = Axes(ks, 0.0, 1.0, top, CURVE_HEIGHT)
    parts = [*_grid(axes, 0.2, lambda value: percent(value, 0)), *legend]
    parts += [_band(axes, [(p.k, p.low, p.high) for p in s.curve], series_colour(i)) for i, s in drawn]
    parts += [_run(axes, i, summary) for i, summary in drawn]
    names = ", ".join(summary.run for _, summary in drawn)
    return _svg(top + CURVE_HEIGHT + BOTTOM, f"pass@k with 95 % bands: {names}", parts)


def difference_svg(comparison: Comparison) -> Html:
    """The difference of two runs with its simultaneous 95 % band and the line of zero, as one `<svg>`."""
    curve = comparison.curve
    low = min(0.0, *(point.low for point in curve))
    high = max(0.0, *(point.high for point in curve))
    step = _step(high - low or 0.02)
    room = 0.08 * (high - low) + step / 2
    axes = Axes(tuple(point.k for point in curve), low - room, high + room, 14.0, DIFFERENCE_HEIGHT)
    colour = "--c:var(--accent,#33507a)"
    parts = _grid(axes, step, lambda value: points_of_percent(value, 0 if step >= 0.01 else 1))
    zero = axes.y(0)
    parts.append(tag("path", d=f"M{LEFT},{zero:.2f}H{WIDTH - RIGHT}", style=f"stroke:{MUTED};stroke-width:1.5"))
    parts.append(_band(axes, [(p.k, p.low, p.high) for p in curve], colour))
    parts.append(_polyline([(axes.x(p.k), axes.y(p.difference)) for p in curve], colour))
    for p in curve:
        about = f"k={p.k}: {points_of_percent(p.difference)} points ({_band_text(p.low, p.high, points_of_percent)})"
        parts.append(_marker(axes.x(p.k), axes.y(p.difference), SERIES[0].path, colour, about))
    parts.append(_text(LEFT + 8, axes.top + 14, f"↑ {shorten(comparison.other, 60)} above"))
    parts.append(_text(LEFT + 8, axes.top + axes.height - 8, f"↓ {shorten(comparison.base, 60)} above"))
    if comparison.crossover_k is not None:
        parts.append(_crossing(axes, comparison.crossover_k))
    label = f"difference of pass@k, {comparison.other} minus {comparison.base}, with its simultaneous 95 % band"
    return _svg(axes.top + axes.height + BOTTOM, label, parts)


def curve_png(file: Path, summaries: Sequence[Summary]) -> None:
    """Write the pass@k curves with their 95 % bands as a PNG of 800 x 500 pixels.

    Args:
        file: Where to.
        summaries: One a run; those without a curve are left out.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "plots", file.name) from error
    figure = Figure(figsize=(8.0, 5.0), dpi=100, facecolor="white")
    FigureCanvasAgg(figure)
    drawn = [(i, summary) for i, summary in enumerate(summaries) if summary.curve]
    title = ", ".join(dict.fromkeys(summary.env for summary in summaries))
    figure.text(0.085, 0.945, shorten(printable(title), 70), size=13, weight="bold", parse_math=False)
    extents = list(dict.fromkeys(_extent(summary) for _, summary in drawn))
    if drawn:
        extent = extents[0] if len(extents) == 1 else "complete tasks only"
        subtitle = f"pass@k; {extent}; bands: 95 %, bootstrap over tasks"
        figure.text(0.085, 0.9, subtitle, size=10, color="#5f6670")
        _draw(figure.add_axes((0.085, 0.115, 0.89, 0.755)), drawn, len(extents) > 1)
    else:
        figure.text(0.5, 0.5, NO_CURVE, size=11, color="#5f6670", ha="center")
    figure.savefig(file, format="png", dpi=100, facecolor="white", metadata={"Software": None})


def _draw(axes: Any, drawn: Sequence[tuple[int, Summary]], with_extent: bool) -> None:
    for i, summary in drawn:
        series, points = SERIES[i % len(SERIES)], summary.curve
        ks = [p.k for p in points]
        low, high = [p.low for p in points], [p.high for p in points]
        axes.fill_between(ks, low, high, color=series.light, alpha=0.14, linewidth=0)
        if len(ks) == 1:
            axes.vlines(ks, low, high, color=series.light, linewidth=1.5)
        line = {"color": series.light, "marker": series.marker, "linewidth": 1.8, "markersize": 5.5}
        axes.plot(ks, [p.estimate for p in points], label=f"run {i}", markeredgecolor="white", **line)
    every = sorted({p.k for _, summary in drawn for p in summary.curve})
    ticks = labelled_ks(every, 0.035)
    axes.set_xscale("log", base=2)
    if len(every) > 1:
        margin = (every[-1] / every[0]) ** 0.015
        axes.set_xlim(every[0] / margin, every[-1] * margin)
    axes.set_xticks(ticks, [str(k) for k in ticks])
    axes.set_xticks([], minor=True)
    axes.set_ylim(0.0, 1.0)
    shares = [i / 5 for i in range(6)]
    axes.set_yticks(shares, [percent(share, 0) for share in shares])
    axes.grid(axis="y", color="#e4e7eb", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=10, labelcolor="#3c434b", pad=6)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color("#9aa1a9")
    axes.set_xlabel("k, samples a task", size=10, color="#3c434b")
    legend = axes.legend(loc="best", fontsize=10, frameon=True, framealpha=0.85, edgecolor="none")
    for entry, (_, summary) in zip(legend.get_texts(), drawn, strict=True):
        entry.set_parse_math(False)
        entry.set_text(shorten(printable(summary.run), 44) + (f" ({_extent(summary)})" if with_extent else ""))


def _extent(summary: Summary) -> str:
    return f"{summary.included} of {summary.tasks} tasks, n = {summary.n}"


def _svg(height: float, label: str, parts: Sequence[Html]) -> Html:
    font = "font:12px system-ui,-apple-system,'Segoe UI','Liberation Sans',Arial,sans-serif"
    box = f"0 0 {WIDTH:g} {height:g}"
    return tag("svg", *parts, xmlns="http://www.w3.org/2000/svg", viewBox=box, role="img", aria_label=label, style=font)


def _grid(axes: Axes, step: float, label: Callable[[float], str]) -> list[Html]:
    parts, right, bottom = [], WIDTH - RIGHT, axes.top + axes.height
    for i in range(math.ceil(axes.low / step - 1e-9), math.floor(axes.high / step + 1e-9) + 1):
        y = axes.y(i * step)
        parts.append(tag("path", d=f"M{LEFT:g},{y:.2f}H{right:g}", style=f"stroke:{LINE}"))
        parts.append(_text(LEFT - 8, y + 4, label(i * step), "end"))
    parts.append(tag("path", d=f"M{LEFT:g},{bottom:.2f}H{right:g}", style=f"stroke:{MUTED}"))
    marks = "".join(f"M{axes.x(k):.2f},{bottom:.2f}v4" for k in axes.ks)
    parts.append(tag("path", d=marks, style=f"stroke:{MUTED}"))
    for k in labelled_ks(axes.ks, LABEL_GAP / (right - LEFT)):
        parts.append(_text(axes.x(k), bottom + 18, str(k), "middle"))
    parts.append(_text((LEFT + right) / 2, bottom + 38, "k, samples a task", "middle"))
    return parts


def _legend(names: Sequence[tuple[int, str]]) -> tuple[list[Html], float]:
    """Entries in rows above the plot, and where the plot begins."""
    parts, x, y = [], LEFT, 14.0
    for i, name in names:
        shown = shorten(name, 48)
        width = 34 + LETTER * len(shown) + 18
        if x > LEFT and x + width > WIDTH - RIGHT:
            x, y = LEFT, y + LEGEND_ROW
        line = tag("path", d=f"M{x:g},{y:g}h26", style="stroke:var(--c);stroke-width:2")
        marker = _marker(x + 13, y, SERIES[i % len(SERIES)].path, series_colour(i), name)
        parts.append(tag("g", line, marker, _text(x + 33, y + 4, shown), style=series_colour(i)))
        x += width
    return parts, y + LEGEND_ROW


def _run(axes: Axes, index: int, summary: Summary) -> Html:
    colour = series_colour(index)
    line = _polyline([(axes.x(p.k), axes.y(p.estimate)) for p in summary.curve], colour)
    path = SERIES[index % len(SERIES)].path
    markers = [
        _marker(axes.x(p.k), axes.y(p.estimate), path, colour, f"{summary.run}: {point_text(p)}") for p in summary.curve
    ]
    return tag("g", line, *markers)


def point_text(point: CurvePoint) -> str:
    """A point in words.

    Example:
        >>> point_text(CurvePoint(4, 0.5, 0.25, 0.75))
        'pass@4 = 50.0 % (25.0 to 75.0)'
    """
    return f"pass@{point.k} = {percent(point.estimate)} ({100 * point.low:.1f} to {100 * point.high:.1f})"


def _band_text(low: float, high: float, text: Callable[[float], str]) -> str:
    return f"{text(low)} to {text(high)}"


def _band(axes: Axes, bounds: Sequence[tuple[int, float, float]], colour: str) -> Html:
    if len(bounds) == 1:
        k, low, high = bounds[0]
        d = f"M{axes.x(k):.2f},{axes.y(low):.2f}V{axes.y(high):.2f}"
        return tag("path", d=d, style=f"{colour};stroke:var(--c);stroke-width:2;stroke-opacity:.5")
    upper = [f"{axes.x(k):.2f},{axes.y(high):.2f}" for k, _, high in bounds]
    lower = [f"{axes.x(k):.2f},{axes.y(low):.2f}" for k, low, _ in reversed(bounds)]
    return tag("polygon", points=" ".join(upper + lower), style=f"{colour};fill:var(--c);fill-opacity:.14")


def _polyline(points: Sequence[tuple[float, float]], colour: str) -> Html:
    text = " ".join(f"{x:.2f},{y:.2f}" for x, y in points)
    return tag("polyline", points=text, style=f"{colour};fill:none;stroke:var(--c);stroke-width:2")


def _marker(x: float, y: float, path: str, colour: str, about: str) -> Html:
    place = f"translate({x:.2f},{y:.2f})"
    dot = tag("path", d=path, style=f"fill:var(--c);stroke:{PAGE}")
    return tag("g", tag("title", about), tag("circle", r="10", fill="transparent"), dot, transform=place, style=colour)


def _crossing(axes: Axes, k: float) -> Html:
    x = axes.x(k)
    anchor, at = ("end", x - 6) if x > WIDTH / 2 else ("start", x + 6)
    line = tag("path", d=f"M{x:.2f},{axes.top}v{axes.height}", style=f"stroke:{MUTED};stroke-dasharray:3 4")
    return join([line, _text(at, axes.top + axes.height - 24, f"k* = {k:.3g}", anchor)])


def _text(x: float, y: float, text: str, anchor: str = "start") -> Html:
    return tag("text", text, x=f"{x:.2f}", y=f"{y:.2f}", text_anchor=anchor, style=HALO)


def shorten(text: str, limit: int) -> str:
    """A name with its middle left out where it is longer than `limit`.

    Example:
        >>> shorten("abcdefghij", 7)
        'abc…hij'
    """
    half = (limit - 1) // 2
    return text if len(text) <= limit else f"{text[:half]}…{text[-half:]}"


def _step(span: float) -> float:
    """A round step that cuts a span into about five."""
    power: float = 10.0 ** math.floor(math.log10(span / 5))
    return next((factor * power for factor in (1, 2, 5) if factor * power >= span / 6), 10 * power)
