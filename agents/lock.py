"""One writer a folder: two processes that write the same run would tear each other's files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rlvr_gym.verifiers import RlvrError

try:
    import fcntl
except ImportError:  # a platform without POSIX locks: the user must see to it that there is one writer
    fcntl = None  # type: ignore[assignment]


class FolderBusyError(RlvrError, OSError):
    """Another process is writing to this folder."""


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold a folder, which is made if it is missing, until the block ends or the process does, however it does.

    Raises:
        FolderBusyError: Somebody else holds it.

    Example:
        >>> import tempfile
        >>> with only_writer(Path(tempfile.mkdtemp())):
        ...     pass
    """
    folder.mkdir(parents=True, exist_ok=True)
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FolderBusyError(
                f"another process is writing to {folder}: wait until it ends, or choose another folder with --out"
            ) from error
        yield
    finally:
        os.close(handle)
