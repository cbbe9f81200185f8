"""Progress without a terminal: a line now and then on standard error, nothing on standard output."""

from __future__ import annotations

import pytest

from rlvr_gym.cli import console


def test_lines_in_place_of_a_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 20.0, 20.0, 21.0, 60.0, 60.0])
    monkeypatch.setattr(console.time, "monotonic", lambda: next(clock))
    with console.progress_bar("warm start") as update:
        for done in range(1, 5):
            update(done, 2000, f"pass rate {done} %")
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "warm start: 2 of 2,000, pass rate 2 %\nwarm start: 4 of 2,000, pass rate 4 %\n"
