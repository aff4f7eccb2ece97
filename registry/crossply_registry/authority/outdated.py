"""Connections that may more than policy still allows: they end when they did not move by themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from crossply.wire import allow_list
from crossply.wire.dial_name import needs_in
from crossply_policy.access.decision import Caller
from crossply_policy.access.reach import reach
from crossply_registry.authority.expelling import INSTANCE, SERVICE, TENANT
from crossply_registry.authority.identity import OWN

if TYPE_CHECKING:
    from crossply.wire.allow_list import AllowList
    from crossply.wire.system import Connected
    from crossply_policy.access.rules import Access

MOVING: Final = 5.0
"""Seconds that instances have for a move; they spread theirs over two."""
_KEPT: Final = 16


class Outdated:
    """The rule for `Expelling`; `now` is unix seconds, and policy of the last changes is remembered."""

    def __init__(self, tenant: str, identity_of: Callable[[Connected], str], now: Callable[[], float]) -> None:
        self._tenant = tenant
        self._identity_of = identity_of
        self._now = now
        self._history: list[tuple[float, Access]] = []

    def adopt(self, access: Access) -> bool:
        """Go by these documents from now on; return whether anybody may be let in with others."""
        if self._history and self._history[-1][1] == access:
            return False
        self._history.append((self._now(), access))
        del self._history[:-_KEPT]
        return len(self._history) > 1

    def __call__(self, connection: Connected, asked: float) -> str:
        """Return why a connection ends: it was opened with more than policy allows, now and long enough ago to move."""
        began = asked - connection.age
        given = [access for moment, access in self._history if moment <= began][-1:] or [
            access for _, access in self._history[:1]
        ]
        later = [access for moment, access in self._history if began < moment <= asked - MOVING]
        if not later or connection.subject.get(TENANT) != self._tenant or not self._service_of(connection):
            return ""
        allowed = self._allowed(given[0], connection)
        if all(allowed.exceeds(self._allowed(each, connection)) for each in (later[-1], self._history[-1][1])):
            return "policy allows less than this connection was let in with"
        return ""

    def _service_of(self, connection: Connected) -> str:
        service = connection.subject.get(SERVICE, "")
        return "" if service in OWN else service

    def _allowed(self, access: Access, connection: Connected) -> AllowList:
        service, instance = self._service_of(connection), connection.subject.get(INSTANCE, "")
        who = Caller(service=service, identity=self._identity_of(connection))
        found = reach(access, who, needs_in(connection.name), foreign=not instance)
        if not instance:
            return allow_list.of_foreign(found, service)
        return allow_list.of_instance(found, service, instance, self._tenant)
