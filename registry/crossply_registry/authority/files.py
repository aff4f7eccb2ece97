"""Files that hold secrets or certificates: written whole or not at all, secrets for their owner's eyes only."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

SECRET: Final = 0o600
PUBLIC: Final = 0o644


def put(path: Path, content: bytes, mode: int = SECRET) -> None:
    """Write a file in place of the one there is."""
    for folder in reversed([each for each in path.parents if not each.exists()]):
        folder.mkdir(mode=0o700, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
