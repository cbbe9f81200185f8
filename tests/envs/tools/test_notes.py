"""Notes: what is written is read, within caps."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.envs import SnapshotError
from rlvr_gym.envs.tools.notes import Notes
from rlvr_gym.envs.tools.toolbox import Toolbox, ToolCall
from rlvr_gym.envs.tools.toolkit import ToolError
from rlvr_gym.verifiers import ConfigError


def test_write_read_list_delete() -> None:
    notes = Notes()
    assert notes.list_notes() == "there are no notes"
    notes.write_note("b", "two")
    notes.write_note("a", "one")
    notes.write_note("b", "three")
    assert notes.read_note("b") == "three"
    assert notes.list_notes() == "2 notes: 'a', 'b'"
    assert notes.delete_note("a") == "deleted 'a'"
    assert notes.list_notes() == "1 note: 'b'"


def test_a_name_that_is_not_there_is_told_with_those_that_are() -> None:
    notes = Notes()
    notes.write_note("total", "408")
    for call in (notes.read_note, notes.delete_note):
        with pytest.raises(ToolError, match="there is no note 'totl'; did you mean 'total'"):
            call("totl")


def test_caps() -> None:
    notes = Notes(max_notes=2, max_chars=3)
    notes.write_note("n" * 100, "abc")
    notes.write_note("m", "")
    for name, text, told in [
        ("", "x", "1 to 100 characters"),
        ("n" * 101, "x", "1 to 100 characters"),
        ("n", "abcd", "may have 3 characters"),
        ("n", "x" * 10**6, "1,000,000"),
        ("third", "x", "there are 2 notes"),
    ]:
        with pytest.raises(ToolError, match=told):
            notes.write_note(name, text)
    notes.write_note("m", "new")  # a name that is there may be written again
    assert notes.read_note("m") == "new"
    with pytest.raises(ConfigError, match="max_notes"):
        Notes(max_notes=0)


Step = tuple[str, str, str]
steps = st.lists(st.tuples(st.sampled_from("wrdl"), st.text(max_size=3), st.text(max_size=5)), max_size=20)


@given(steps)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_notes_are_a_dictionary(steps: list[Step]) -> None:
    box, known = Toolbox({"notes": Notes(max_notes=3)}), dict[str, str]()
    for kind, name, text in steps:
        if kind == "w":
            result = box.call(ToolCall("write_note", {"name": name, "text": text}))
            if fits := bool(name) and (name in known or len(known) < 3):
                known[name] = text
            assert result.ok is fits
        elif kind == "r":
            result = box.call(ToolCall("read_note", {"name": name}))
            assert (result.ok and result.text) == known.get(name, False)
        elif kind == "d":
            assert box.call(ToolCall("delete_note", {"name": name})).ok is (known.pop(name, None) is not None)
        else:
            assert box.call(ToolCall("list_notes")).ok
        assert box.public_state()["notes"] == known
        there = Notes()
        there.set_state(box.get_state()["toolkits"]["notes"])
        assert there.get_state() == known


def test_the_state_is_a_copy() -> None:
    notes = Notes()
    notes.write_note("a", "1")
    state = notes.get_state()
    notes.write_note("a", "2")
    assert state == {"a": "1"}


@pytest.mark.parametrize("state", [None, [], "a", {"a": 1}, {"a": None}])
def test_what_is_no_state_is_refused(state: Any) -> None:
    with pytest.raises(SnapshotError, match="expected an object of texts"):
        Notes().set_state(state)
