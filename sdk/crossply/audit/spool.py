"""Where batches wait while the stream is away: in memory, or in a file that outlives the process. Both are bounded."""

from __future__ import annotations

import fcntl
import os
import struct
from collections import deque
from pathlib import Path
from typing import Final, Protocol

from crossply.telemetry.logs import get_logger

IN_MEMORY: Final = 4 * 1024 * 1024
IN_FILE: Final = 16 * 1024 * 1024
_HEAD: Final = struct.Struct(">I16s")


class Spool(Protocol):
    """Batches with their ids (16 bytes), first in, first out."""

    def add(self, batch_id: bytes, batch: bytes) -> bool:
        """Keep a batch; return False when there is no room for it."""
        ...

    def first(self) -> tuple[bytes, bytes] | None:
        """Return the id and the bytes of the oldest batch."""
        ...

    def drop(self) -> None:
        """Forget the oldest batch."""
        ...

    def close(self) -> None:
        """Leave what is kept to the next process."""
        ...


class MemorySpool:
    """Keeps ``most`` bytes."""

    def __init__(self, most: int = IN_MEMORY) -> None:
        self._left = most
        self._batches: deque[tuple[bytes, bytes]] = deque()

    def add(self, batch_id: bytes, batch: bytes) -> bool:
        """Keep a batch."""
        if len(batch) > self._left:
            return False
        self._left -= len(batch)
        self._batches.append((batch_id, batch))
        return True

    def first(self) -> tuple[bytes, bytes] | None:
        """Return the oldest batch."""
        return self._batches[0] if self._batches else None

    def drop(self) -> None:
        """Forget the oldest batch."""
        self._left += len(self._batches.popleft()[1])

    def close(self) -> None:
        """Keep nothing: it is gone with the process."""


class FileSpool:
    """Keeps ``most`` bytes in a file of this process alone.

    It is not synced: a process that is killed loses nothing, a machine that fails may lose the last seconds. After a
    crash what had been sent is sent again, under the ids of before.
    """

    def __init__(self, file: int, most: int = IN_FILE) -> None:
        """``file`` is a descriptor, open for reading and writing, and locked."""
        self._file = file
        self._most = most
        self._at = 0
        self._end = self._intact()

    @classmethod
    def at(cls, path: Path) -> FileSpool | None:
        """Return the spool in a file; None, and a line in the log, where another process has it or it cannot be."""
        log = get_logger("audit")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            log.warning("audit_kept_in_memory", path=str(path), why=str(error))
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            log.info("audit_kept_in_memory", path=str(path), why="another process of the service has the file")
            return None
        return cls(file)

    def add(self, batch_id: bytes, batch: bytes) -> bool:
        """Append a batch."""
        record = _HEAD.pack(len(batch), batch_id) + batch
        if self._end + len(record) > self._most:
            return False
        try:
            written = os.pwrite(self._file, record, self._end)
        except OSError:
            return False
        if written < len(record):
            return False  # the disk is full: what was written of it is written over
        self._end += len(record)
        return True

    def first(self) -> tuple[bytes, bytes] | None:
        """Read the oldest batch."""
        if self._at >= self._end:
            return None
        length, batch_id = _HEAD.unpack(os.pread(self._file, _HEAD.size, self._at))
        return batch_id, os.pread(self._file, length, self._at + _HEAD.size)

    def drop(self) -> None:
        """Pass over the oldest batch; with the last one the file is empty."""
        length, _ = _HEAD.unpack(os.pread(self._file, _HEAD.size, self._at))
        self._at += _HEAD.size + length
        if self._at >= self._end:
            os.ftruncate(self._file, 0)
            self._at = self._end = 0

    def close(self) -> None:
        """Close the file, which unlocks it."""
        os.close(self._file)

    def _intact(self) -> int:
        """Return where the last whole record ends: a crash may have left a part of one."""
        size = os.fstat(self._file).st_size
        end = 0
        while end + _HEAD.size <= size:
            length, _ = _HEAD.unpack(os.pread(self._file, _HEAD.size, end))
            if end + _HEAD.size + length > size:
                break
            end += _HEAD.size + length
        os.ftruncate(self._file, end)
        return end
