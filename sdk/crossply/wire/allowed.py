"""What the broker lets this connection do: its own answer, as it was decided when the connection was opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from crossply.errors import CallError
from crossply.wire import subjects
from crossply.wire.allow_list import AllowList

if TYPE_CHECKING:
    from crossply.clock import Clock
    from crossply.wire.mux import Mux
    from crossply.wire.renewals import Renewals
    from crossply.wire.supervisor import Supervisor

_WITHIN: Final = 1.0


class _Subjects(msgspec.Struct, frozen=True):
    allow: list[str] = []


class _Permissions(msgspec.Struct, frozen=True):
    publish: _Subjects = _Subjects()
    subscribe: _Subjects = _Subjects()


class _User(msgspec.Struct, frozen=True):
    permissions: _Permissions | None = None


class _Answer(msgspec.Struct, frozen=True):
    data: _User = _User()


class Allowed:
    """Asks over the newest connection of a link."""

    def __init__(self, broker: Supervisor, mux: Mux, now: Clock) -> None:
        self._broker = broker
        self._mux = mux
        self._now = now

    async def ask(self) -> AllowList | None:
        """Return what is allowed, ``None`` when that is everything, or not to be learned now."""
        if not self._broker.connected:
            return None
        now = self._now()
        token, attempt = self._mux.open("what is allowed", None, now, now + _WITHIN)
        try:
            self._broker.send(subjects.OWN_PERMISSIONS.encode(), b"", self._mux.prefix + token)
            said = msgspec.json.decode((await attempt.reply)[0], type=_Answer).data.permissions
        except (CallError, msgspec.DecodeError):
            return None
        finally:
            self._mux.close(token, attempt)
        if said is None:
            return None
        return AllowList(tuple(sorted(said.publish.allow)), tuple(sorted(said.subscribe.allow)))


def follow(renewals: Renewals | None, broker: Supervisor, mux: Mux, now: Clock) -> None:
    """Have a link move when it is told to, and say what its connection may; without an authority nobody tells it."""
    if renewals is not None:
        renewals.on_renewal(broker.move)
        renewals.on_question(Allowed(broker, mux, now).ask)
