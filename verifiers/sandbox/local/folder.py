"""The working directory of a run, seen from outside: files in, files out, and the removal of whatever a program left.

All is done relative to a descriptor and without following links, since a program may put a link wherever it writes.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterable, Mapping

_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_FILE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
_CHUNK = 2**20


def write_files(folder: int, files: Mapping[str, bytes], owner: int = -1) -> None:
    """Put files into an empty directory; all may be executed.

    Args:
        folder: Descriptor of the directory.
        files: Relative path to content.
        owner: User and group id that files and directories are given, the directory itself among them; -1 for none.

    Raises:
        OSError: They do not fit, or one path needs a directory where another has a file.
    """
    if owner >= 0:
        os.fchown(folder, owner, owner)
    for path, content in files.items():
        *parents, name = path.split("/")
        parent = _descend(folder, parents, owner, make=True)
        try:
            fd = os.open(name, _FILE | os.O_WRONLY | os.O_CREAT | os.O_EXCL, dir_fd=parent)
        finally:
            os.close(parent)
        with open(fd, "wb") as file:
            file.write(content)
            os.fchmod(fd, 0o755)
            if owner >= 0:
                os.fchown(fd, owner, owner)


def read_files(folder: int, paths: Iterable[str], most: int, owner: int = -1) -> dict[str, bytes]:
    """Read the regular files among `paths`; what is missing, behind a link, too large or of another kind is left out.

    Args:
        folder: Descriptor of the directory.
        paths: Plain relative paths.
        most: Largest size in bytes.
        owner: User id that files must have; -1 for any.
    """
    found = {}
    for path in paths:
        content = _content(folder, path, most, owner)
        if content is not None:
            found[path] = content
    return found


def remove_folder(path: str) -> None:
    """Remove a directory with all that is in it, however deep and with whatever permissions.

    Directories inside are moved up to the top before they are emptied, so that neither the length of a path nor the
    number of open descriptors grows with depth.

    Raises:
        OSError: Something cannot be removed.
    """
    top = _opened(path, None)
    try:
        while names := os.listdir(top):
            for name in names:
                if not _unlinked(name, top):
                    _remove_within(name, top)
    finally:
        os.close(top)
    os.rmdir(path)


def _remove_within(name: str, top: int) -> None:
    """Remove a directory of `top`; its own directories go to `top` under new names."""
    folder = _opened(name, top)
    try:
        for inner in os.listdir(folder):
            if not _unlinked(inner, folder):
                os.close(_opened(inner, folder))
                os.rename(inner, secrets.token_hex(16), src_dir_fd=folder, dst_dir_fd=top)
    finally:
        os.close(folder)
    os.rmdir(name, dir_fd=top)


def _unlinked(name: str, folder: int) -> bool:
    """Remove anything but a directory."""
    if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        return False
    os.unlink(name, dir_fd=folder)
    return True


def _opened(name: str, parent: int | None) -> int:
    """Open a directory that may have no permissions left, and give them back to it."""
    try:
        fd = os.open(name, _FOLDER, dir_fd=parent)
    except PermissionError:
        os.chmod(name, 0o700, dir_fd=parent)
        fd = os.open(name, _FOLDER, dir_fd=parent)
    try:
        os.fchmod(fd, 0o700)
    except OSError:
        os.close(fd)
        raise
    return fd


def _descend(folder: int, names: list[str], owner: int = -1, *, make: bool = False) -> int:
    """Descriptor of a directory below, opened name by name."""
    fd = os.dup(folder)
    for name in names:
        try:
            if make and name not in os.listdir(fd):
                os.mkdir(name, dir_fd=fd)
                os.chmod(name, 0o755, dir_fd=fd)  # whatever the umask
            deeper = os.open(name, _FOLDER, dir_fd=fd)
        finally:
            os.close(fd)
        fd = deeper
        if make and owner >= 0:
            os.fchown(fd, owner, owner)
    return fd


def _content(folder: int, path: str, most: int, owner: int) -> bytes | None:
    *parents, name = path.split("/")
    try:
        parent = _descend(folder, parents)
        try:
            fd = os.open(name, _FILE | os.O_RDONLY, dir_fd=parent)
        finally:
            os.close(parent)
        with open(fd, "rb") as file:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode) or owner not in (-1, status.st_uid):
                return None
            content = file.read(most + 1)
    except OSError:
        return None
    return content if len(content) <= most else None
