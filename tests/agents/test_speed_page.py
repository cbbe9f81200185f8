"""The figures of docs/training.md are those of the stored measurements."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "training.md"


def stored(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "benchmarks" / "perf" / "results" / name).read_text(encoding="utf-8"))
    return found


def training_rows() -> list[str]:
    rows = []
    for name, cell in stored("train.json")["cells"].items():
        ours, trl = cell["ours"], cell["trl"]
        rows.append(
            f"| {name} | {ours['step_s']:.2f} ({ours['generation_s']:.2f} + {ours['training_s']:.2f}) | "
            f"{trl['step_s']:.2f} ({trl['generation_s']:.2f} + {trl['training_s']:.2f}) | "
            f"{cell['times_as_many_tokens_per_s']:.2f} | {100 * ours['floor_share']:.0f} % | "
            f"{ours['peak_memory_mib']:,} ({trl['peak_memory_mib']:,}) |"
        )
    return rows


def generation_rows() -> list[str]:
    return [
        f"| {name} | {row['tokens_per_s']:,.0f} | {row['generate_tokens_per_s']:,.0f} | "
        f"{row['ratio']:.2f} ({row['ratio_min']:.2f} to {row['ratio_max']:.2f}) |"
        for name, row in stored("generation.json")["figures"].items()
    ]


def test_the_page_quotes_every_measurement() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [row for row in (*training_rows(), *generation_rows()) if row not in page] == []


def test_a_spread_of_lengths_pays() -> None:
    """What the page says of the targets, whatever the machine that measured last."""
    cells = stored("train.json")["cells"]
    spread = [cell["times_as_many_tokens_per_s"] for name, cell in cells.items() if name.endswith("spread")]
    assert spread
    assert min(spread) > 2
