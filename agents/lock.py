"""One writer a folder: two processes that write the same run would tear each other's files."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rlvr_gym.verifiers import ConfigError, RlvrError

try:
    import fcntl
except ImportError:  # a platform without POSIX locks: the user must see to it that there is one writer
    fcntl = None  # type: ignore[assignment]


# A file system without locks, as some network ones are: the user must see to it here too.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)


class FolderBusyError(RlvrError, OSError):
    """Another process is writing to this folder."""


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold a folder, which is made if it is missing, until the block ends or the process does, however it does.

    Raises:
        FolderBusyError: Somebody else holds it.
        ConfigError: It is a file.

    Example:
        >>> import tempfile
        >>> with only_writer(Path(tempfile.mkdtemp())):
        ...     pass
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file, expected a folder; choose another with --out")
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
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        yield
    finally:
        os.close(handle)
