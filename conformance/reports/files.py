"""Write files: whole or not at all, never through a link, never waiting for a reader.

A file is written under another name in the same folder and renamed when it is complete. What was
there under its name is replaced, be it a file, a link (not what it leads to) or a FIFO.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

# What a report folder holds.
REPORT, PAGE, SUMMARY, BADGE = "report.json", "index.html", "summary.md", "badge.json"
JOURNAL = "journal.jsonl"

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)

_WHAT_TO_DO = {
    errno.ENOSPC: "free some space, or write elsewhere",
    errno.EDQUOT: "free some space, or write elsewhere",
    errno.EISDIR: "a folder has this name: remove it, or write elsewhere",
}


class NotWritten(Exception):
    """A file that cannot be written; the message says what, why, and what to do."""

    def __init__(self, path: Path, error: OSError, what: str = "cannot be written") -> None:
        todo = _WHAT_TO_DO.get(error.errno or 0, "write elsewhere")
        super().__init__(f"{path}: {what}: {error.strerror or error}: {todo}")


def open_new(path: Path) -> int:
    """A descriptor for a file that is not there yet; raises OSError if something is."""
    return os.open(path, _NEW, 0o666)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of `data`; raises OSError."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def write_text(path: Path, text: str) -> Path:
    """Write a text file in UTF-8; its folder is made if need be. Raises `NotWritten`."""
    data = text.encode("utf-8", "backslashreplace")  # half a surrogate pair hinders nobody
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if _is_device(path):  # /dev/stdout, /dev/null: nothing to replace
            path.write_bytes(data)
            return path
        unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        descriptor = open_new(unfinished)
        try:
            try:
                write_all(descriptor, data)
            finally:
                os.close(descriptor)
            os.replace(unfinished, path)
        except BaseException:
            with suppress(OSError):
                unfinished.unlink()
            raise
    except OSError as error:
        raise NotWritten(path, error) from None
    return path


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def _is_device(path: Path) -> bool:
    """Whether the name leads to a terminal, a null device or another process's end of a pipe."""
    try:
        named, target = path.lstat().st_mode, path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISCHR(target) or (stat.S_ISFIFO(target) and not stat.S_ISFIFO(named))


def clear(folder: Path) -> None:
    """Make the folder of a report, without what an earlier run left in it. Raises `NotWritten`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotWritten(folder, error, "cannot be made a folder") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise NotWritten(folder, _error(errno.EACCES))
    for name in (REPORT, PAGE, SUMMARY, BADGE, JOURNAL):
        path = folder / name
        try:
            if path.is_dir() and not path.is_symlink():
                raise _error(errno.EISDIR)
            path.unlink(missing_ok=True)
        except OSError as error:
            raise NotWritten(path, error) from None
