"""A question for keys: from whoever holds a credential that is in force; only its holder can open the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from crossply.keyring.contents import Asked
from crossply_registry.authority.refusal import Refused, malformed

if TYPE_CHECKING:
    from crossply_registry.authority.keyring.granting import Granting
    from crossply_registry.authority.renewing import Renewing

LONGEST: Final = 64 * 1024


class Asking:
    """Answers ``authority.keys``."""

    def __init__(self, renewing: Renewing, granting: Granting) -> None:
        self._renewing = renewing
        self._granting = granting

    async def answer(self, raw: bytes) -> bytes:
        """Return the keys, wrapped; raise ``Refused``, ``StoreUnavailable`` or ``StateFault``."""
        if len(raw) > LONGEST:
            raise Refused(413, f"body is longer than {LONGEST} bytes")
        try:
            asked = msgspec.msgpack.decode(raw, type=Asked)
        except msgspec.DecodeError as error:
            raise malformed(f"body is not a question for keys: {error}") from error
        await self._renewing.in_force(asked.credential)
        return await self._granting.grant(asked.credential, asked.publishes, asked.subscribes)
