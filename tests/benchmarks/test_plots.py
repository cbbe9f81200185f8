"""The pictures: positions of points, well-formed markup, and reproducible bytes."""

from __future__ import annotations

import struct
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from rlvr_gym.benchmarks.compare import Comparison, Difference, Support
from rlvr_gym.benchmarks.curve import CurvePoint, Summary
from rlvr_gym.benchmarks.plots import NO_CURVE, SERIES, curve_png, curve_svg, difference_svg, labelled_ks
from rlvr_gym.verifiers import MissingExtraError

SVG = "{http://www.w3.org/2000/svg}"
CURVE = (CurvePoint(1, 0.25, 0.0, 0.5), CurvePoint(2, 0.5, 0.25, 0.75), CurvePoint(4, 1.0, 0.75, 1.0))
SUMMARY = Summary(
    run="base",
    env="rlvr/Countdown-v0",
    policy="scripted",
    verifier="countdown@1#0",
    n=4,
    ks=(1, 2, 4),
    curve=CURVE,
    tasks=10,
    included=8,
    incomplete=(),
    samples=40,
    passed=10,
    ungradable=0,
    cut_off=0,
    statuses={"passed": 10},
    unanimous=0.0,
    agreement=None,
    tools=None,
    note="",
)
COMPARISON = Comparison(
    base="base",
    other="rl",
    tasks=8,
    left_out=0,
    n=4,
    curve=(Difference(1, 0.2, 0.3, 0.1, 0.05, 0.15), Difference(4, 0.6, 0.5, -0.1, -0.15, -0.05)),
    verdict="base overtakes",
    crossover_k=2.0,
    crossover_low=1.5,
    crossover_high=3.0,
    support=Support(5, 2, 0, 1),
    sentence="rl is above at small k, base overtakes it",
)
HOSTILE = "a<b>&\"'\x00\x1b\ud800\uffff$x_1$"


def parsed(svg: str) -> ET.Element:
    svg.encode("utf-8")
    return ET.fromstring(svg)


def points(element: ET.Element) -> list[tuple[float, ...]]:
    return [tuple(map(float, pair.split(","))) for pair in element.get("points", "").split()]


def texts(root: ET.Element, name: str = "text") -> list[str]:
    return ["".join(element.itertext()) for element in root.iter(SVG + name)]


def pixels(png: bytes) -> tuple[int, int]:
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def chunks(png: bytes) -> list[bytes]:
    names, at = [], 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        names.append(png[at + 4 : at + 8])
        at += 12 + length
    return names


# --- SVG -----------------------------------------------------------------------------------------------------------


def test_points_stand_where_the_curve_says() -> None:
    # The plot is 684 wide from x=58 (760 less margins of 58 and 18) and 340 high from y=36 (one legend row of 22 below
    # y=14). On a log2 axis k=1, 2, 4 stand at shares 0, 1/2, 1; a value v stands at 36 + (1 - v) * 340.
    root = parsed(curve_svg([SUMMARY]))
    (line,) = root.iter(SVG + "polyline")
    assert points(line) == [(58.0, 291.0), (400.0, 206.0), (742.0, 36.0)]
    (band,) = root.iter(SVG + "polygon")
    assert points(band) == [(58, 206), (400, 121), (742, 36), (742, 121), (400, 291), (58, 376)]
    markers = [g.get("transform") for g in root.iter(SVG + "g") if g.get("transform")]
    assert markers == ["translate(71.00,14.00)", *(f"translate({x:.2f},{y:.2f})" for x, y in points(line))]


def test_markers_say_their_values() -> None:
    titles = texts(parsed(curve_svg([SUMMARY])), "title")
    assert "base: pass@2 = 50.0 % (25.0 to 75.0)" in titles


def test_axes_and_legend_are_labelled() -> None:
    labels = texts(parsed(curve_svg([SUMMARY, replace(SUMMARY, run="rl")])))
    assert {"0 %", "20 %", "100 %", "1", "2", "4", "k, samples a task", "base", "rl"} <= set(labels)


def test_a_run_without_a_curve_is_left_out_and_the_others_keep_their_colour() -> None:
    root = parsed(curve_svg([replace(SUMMARY, run="empty", curve=()), replace(SUMMARY, run="rl")]))
    assert "empty" not in texts(root)
    (line,) = root.iter(SVG + "polyline")
    assert SERIES[1].light in line.get("style", "")


def test_no_curve_at_all_is_said() -> None:
    assert texts(parsed(curve_svg([replace(SUMMARY, curve=())]))) == [NO_CURVE]


def test_one_k_stands_in_the_middle_with_an_upright_bar() -> None:
    root = parsed(curve_svg([replace(SUMMARY, curve=CURVE[:1])]))
    (line,) = root.iter(SVG + "polyline")
    assert points(line) == [(400.0, 291.0)]
    assert any(path.get("d") == "M400.00,376.00V206.00" for path in root.iter(SVG + "path"))


def test_runs_with_different_ks_share_one_axis() -> None:
    root = parsed(curve_svg([SUMMARY, replace(SUMMARY, run="rl", curve=(CurvePoint(4, 0.5, 0.4, 0.6),))]))
    assert [points(line)[-1][0] for line in root.iter(SVG + "polyline")] == [742.0, 742.0]


def test_hostile_names_leave_the_svg_well_formed() -> None:
    root = parsed(curve_svg([replace(SUMMARY, run=HOSTILE)]))
    assert any("a<b>&\"'␀␛\\ud800" in label for label in texts(root))
    parsed(difference_svg(replace(COMPARISON, base=HOSTILE, other=HOSTILE)))


def test_eight_runs_have_eight_markers_and_colours() -> None:
    root = parsed(curve_svg([replace(SUMMARY, run=f"a-rather-long-run-name-{i}") for i in range(8)]))
    assert len({line.get("style") for line in root.iter(SVG + "polyline")}) == 8
    assert len({series.path for series in SERIES}) == len({series.marker for series in SERIES}) == 8


def test_the_difference_has_its_band_and_a_line_at_zero() -> None:
    root = parsed(difference_svg(COMPARISON))
    (line,) = root.iter(SVG + "polyline")
    (first, above), (last, below) = points(line)
    zero = (above + below) / 2  # the differences are +0.1 and -0.1
    assert (first, last) == (58.0, 742.0)
    assert any(path.get("d", "").startswith(f"M58.0,{zero:.2f}H") for path in root.iter(SVG + "path"))
    (band,) = root.iter(SVG + "polygon")
    assert [y - zero for _, y in points(band)] == pytest.approx(
        [(zero - above) * share / 0.1 for share in (-0.15, 0.05, 0.15, -0.05)], abs=0.05
    )
    assert {"↑ rl above", "↓ base above", "k* = 2", "0"} <= set(texts(root))
    assert any(path.get("d", "").startswith("M400.00,") for path in root.iter(SVG + "path"))  # k*=2 of 1 to 4


def test_a_difference_of_nothing_can_be_drawn() -> None:
    flat = replace(COMPARISON, curve=(Difference(1, 0.5, 0.5, 0.0, 0.0, 0.0),), crossover_k=None)
    (line,) = parsed(difference_svg(flat)).iter(SVG + "polyline")
    assert len(points(line)) == 1


@pytest.mark.parametrize(
    ("ks", "gap", "kept"),
    [
        ((7,), 0.5, (7,)),
        ((1, 2, 4, 8), 0.1, (1, 2, 4, 8)),
        (tuple(range(1, 65)), 0.15, (1, 2, 4, 8, 16, 64)),
        ((1, 63, 64), 0.1, (1, 64)),
    ],
)
def test_labels_of_k_keep_their_distance(ks: tuple[int, ...], gap: float, kept: tuple[int, ...]) -> None:
    found = labelled_ks(ks, gap)
    assert set(kept) <= set(found)
    assert {ks[0], ks[-1]} <= set(found) <= set(ks)
    assert len(found) <= 1 / gap + 1


# --- PNG -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("summaries", [[SUMMARY], [replace(SUMMARY, curve=())], [replace(SUMMARY, curve=CURVE[:1])]])
def test_the_png_has_its_size_and_the_same_bytes_each_time(tmp_path: Path, summaries: list[Summary]) -> None:
    pytest.importorskip("matplotlib")
    for name in ("first.png", "second.png"):
        curve_png(tmp_path / name, summaries)
    data = (tmp_path / "first.png").read_bytes()
    assert pixels(data) == (800, 500)
    assert data == (tmp_path / "second.png").read_bytes()
    assert not {b"tEXt", b"iTXt", b"tIME"} & set(chunks(data))


@pytest.mark.filterwarnings("ignore:Glyph")
def test_the_png_takes_names_that_matplotlib_would_interpret(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    runs = [replace(SUMMARY, run=name, env="$\\frac{$") for name in (HOSTILE, "_hidden", "$\\frac{$", "x" * 500)]
    curve_png(tmp_path / "curve.png", runs)
    assert pixels((tmp_path / "curve.png").read_bytes()) == (800, 500)


def test_a_run_without_a_curve_does_not_change_the_png_of_the_others(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    curve_png(tmp_path / "one.png", [SUMMARY])
    curve_png(tmp_path / "two.png", [SUMMARY, replace(SUMMARY, run="empty", curve=())])
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_without_matplotlib_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    with pytest.raises(MissingExtraError, match=r"curve\.png needs .*matplotlib.*rlvr-gym\[plots\]"):
        curve_png(tmp_path / "curve.png", [SUMMARY])


def test_drawing_leaves_pyplot_alone(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    before = "matplotlib.pyplot" in sys.modules
    curve_png(tmp_path / "curve.png", [SUMMARY])
    assert ("matplotlib.pyplot" in sys.modules) == before
