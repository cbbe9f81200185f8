"""Notes: texts under names, kept for the length of an episode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.envs.task import check_int
from rlvr_gym.envs.tools.toolkit import ToolError, Toolkit, tool
from rlvr_gym.verifiers.errors import shown, suggestion

MAX_NAME_CHARS = 100


class Notes(Toolkit):
    """Tools `write_note`, `read_note`, `list_notes` and `delete_note`.

    Args:
        max_notes: How many there may be at one time.
        max_chars: Longest text of one note.

    Raises:
        ConfigError: A setting is refused.

    Example:
        >>> notes = Notes()
        >>> notes.write_note("total", "408"), notes.read_note("total"), notes.list_notes()
        ("noted under 'total'", '408', "1 note: 'total'")
    """

    def __init__(self, *, max_notes: int = 100, max_chars: int = 2_000) -> None:
        self._max_notes = check_int("max_notes", max_notes, 1, None)
        self._max_chars = check_int("max_chars", max_chars, 1, None)
        self._texts: dict[str, str] = {}

    @tool()
    def write_note(self, name: str, text: str) -> str:
        """Keep a text under a name; a text that was there is replaced.

        Args:
            name: The name.
            text: The text.
        """
        if not 0 < len(name) <= MAX_NAME_CHARS:
            raise ToolError(f"a name has 1 to {MAX_NAME_CHARS} characters, this one has {len(name):,}")
        if len(text) > self._max_chars:
            raise ToolError(f"a note may have {self._max_chars:,} characters, this one has {len(text):,}")
        if name not in self._texts and len(self._texts) >= self._max_notes:
            raise ToolError(f"there are {self._max_notes:,} notes, and no more are kept: delete one first")
        self._texts[name] = text
        return f"noted under {name!r}"

    @tool()
    def read_note(self, name: str) -> str:
        """Read the text that is kept under a name.

        Args:
            name: The name.
        """
        return self._texts[self._known(name)]

    @tool()
    def list_notes(self) -> str:
        """List the names of all notes."""
        names = ", ".join(repr(name) for name in sorted(self._texts))
        count = len(self._texts)
        return f"{count} note{'s' if count > 1 else ''}: {names}" if count else "there are no notes"

    @tool()
    def delete_note(self, name: str) -> str:
        """Delete a note.

        Args:
            name: Its name.
        """
        del self._texts[self._known(name)]
        return f"deleted {name!r}"

    def get_state(self) -> Any:
        """Name to text."""
        return dict(self._texts)

    def set_state(self, state: Any) -> None:
        """See `Toolkit.set_state`."""
        if not isinstance(state, Mapping) or not all(isinstance(x, str) for item in state.items() for x in item):
            raise SnapshotError(f"expected an object of texts, got {shown(state)}")
        self._texts = dict(state)

    def _known(self, name: str) -> str:
        if name not in self._texts:
            raise ToolError(f"there is no note {shown(name)}{suggestion(name[:MAX_NAME_CHARS], self._texts)}")
        return name
