"""The identity as a process keeps it: for its owner's eyes only, encrypted when a key is given, one process a file."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crossply.identity.issued import Issued
from crossply.identity.keys import Keys
from crossply.telemetry.logs import get_logger

_SEALED = b"\xc7S\x01"
_NONCE = 12


class Held(NamedTuple):
    """Keys, what was issued for them, and the numbers that keys of services had: those never go back."""

    keys: Keys
    issued: Issued
    seen: Mapping[str, int]


class _Content(msgspec.Struct, frozen=True):
    seeds: tuple[bytes, bytes, bytes]
    issued: Issued
    seen: dict[str, int] = {}


class Kept:
    """The file of one service in the folder of CROSSPLY_STATE; another process that has it keeps nothing here."""

    def __init__(self, folder: Path, service: str, key: bytes | None) -> None:
        self._path = folder / f"{service}.identity"
        self._key = key
        self._lock: int | None = None
        self._log = get_logger("identity")

    def take(self) -> bool:
        """Take the file for this process until ``release``; return False when another process has it."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self._path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            self._log.warning("identity_not_kept", path=str(self._path), why="another process of the service has it")
            return False
        self._lock = lock
        return True

    def release(self) -> None:
        """Leave the file to the next process."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def load(self) -> Held | None:
        """Return what was kept; None, and a warning, for what cannot be read: the process then joins anew."""
        try:
            raw = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self._log.warning("identity_not_read", path=str(self._path), why=str(error))
            return None
        try:
            content = msgspec.msgpack.decode(self._opened(raw), type=_Content)
            return Held(Keys.of(content.seeds), content.issued, content.seen)
        except (msgspec.DecodeError, ValueError, InvalidTag) as error:
            self._log.warning("identity_not_read", path=str(self._path), why=str(error) or type(error).__name__)
            return None

    def save(self, keys: Keys, issued: Issued, seen: Mapping[str, int] | None = None) -> None:
        """Keep it, whole or not at all; a folder that takes nothing is a warning."""
        raw = self._closed(msgspec.msgpack.encode(_Content(keys.seeds, issued, dict(seen or {}))))
        part = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
        try:
            with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._path)
        except OSError as error:
            part.unlink(missing_ok=True)
            self._log.warning("identity_not_kept", path=str(self._path), why=str(error))

    def _closed(self, plain: bytes) -> bytes:
        if self._key is None:
            return plain
        nonce = secrets.token_bytes(_NONCE)
        return _SEALED + nonce + AESGCM(self._key).encrypt(nonce, plain, self._path.name.encode())

    def _opened(self, raw: bytes) -> bytes:
        if not raw.startswith(_SEALED):
            if self._key is not None:
                raise ValueError("it is not encrypted, and CROSSPLY_STATE_KEY says that it is")
            return raw
        if self._key is None:
            raise ValueError("it is encrypted; set CROSSPLY_STATE_KEY")
        at = len(_SEALED)
        return AESGCM(self._key).decrypt(raw[at : at + _NONCE], raw[at + _NONCE :], self._path.name.encode())
