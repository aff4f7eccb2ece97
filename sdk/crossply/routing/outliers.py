"""Instances that fail again and again are ejected for a while; one real call finds out whether they are well."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from crossply.clock import Clock
    from crossply.handler import Request
    from crossply.routing.instances import Callee, Instance
    from crossply_policy.protection import OutlierPolicy

LONGEST = 300.0
"""Seconds that an ejection lasts at most (Envoy's ``max_ejection_time``)."""


class Watched:
    """An instance that failed lately, or was ejected: ``until`` when, how many ``times``, and which call probes it."""

    __slots__ = ("ejected", "failures", "probe", "times", "until")

    def __init__(self) -> None:
        self.failures = 0
        self.ejected = False
        self.times = 0
        self.until = 0.0
        self.probe: Request | None = None


class Outliers:
    """Failures in a row of a service's instances; ``report(instance, seconds)`` hears of ejections, of returns as 0.

    ``watched`` is empty while nobody fails. ``changes`` counts changes of who is ejected; ``due`` is when the next one
    may be probed. Each ejection is longer than the last; being well for ``policy.base`` seconds forgives one.
    """

    def __init__(self, policy: OutlierPolicy, callee: Callee, now: Clock, report: Callable[[str, float], None]) -> None:
        self.policy = policy
        self.watched: dict[str, Watched] = {}
        self.changes = 0
        self.ejections = 0
        self.due = math.inf
        self.callee = callee
        self._now = now
        self._report = report

    def ejected(self, instance: str) -> bool:
        """Whether an instance gets nothing but probes."""
        known = self.watched.get(instance)
        return known is not None and known.ejected

    def shut(self, instance: str) -> bool:
        """Whether an instance was ejected, and no call may find out now how it is."""
        known = self.watched.get(instance)
        return known is not None and known.ejected and (known.probe is not None or self._now() < known.until)

    def succeeded(self, request: Request) -> None:
        """An attempt shows that its instance works."""
        known = self.watched.get(request.instance or "")
        if known is None:
            return
        if not known.ejected:
            known.failures = 0
        elif known.probe is request:
            known.failures, known.ejected, known.probe = 0, False, None
            known.until = self._now()
            self._changed()
            self._report(request.instance or "", 0.0)

    def failed(self, request: Request) -> None:
        """An attempt shows that its instance fails; nothing, where the queue group chose and nobody knows whom."""
        instance = request.instance
        if instance is None:
            return
        known = self.watched.get(instance)
        if known is None:
            self._forget_absent()  # as those that fail and leave would add up where nobody is ever ejected
            known = self.watched[instance] = Watched()
        if known.ejected:
            if known.probe is request:
                self._eject(instance, known)
            return
        known.failures += 1
        if known.failures >= self.policy.failures and self._may_eject():
            self._eject(instance, known)

    def gave_up(self, request: Request) -> None:
        """An attempt says nothing of its instance; if it was a probe, another call takes its place."""
        known = self.watched.get(request.instance or "")
        if known is not None and known.probe is request:
            known.probe = None
            self._look_ahead()

    def probe(self, instances: Sequence[Instance], request: Request, now: float) -> Instance | None:
        """Return an instance whose time is over and that no call probes; ``request`` is its probe then."""
        for instance in instances:
            known = self.watched.get(instance.id)
            if known is None or instance.suspect or instance.id in request.tried:
                continue
            if known.ejected and known.until <= now and known.probe is None:
                known.probe = request
                self._look_ahead()
                return instance
        self._forget_absent()
        return None

    def _may_eject(self) -> bool:
        """Whether one more may be ejected: not above the policy's share, and never the last that is well."""
        instances = self.callee.kept
        # Of a subset there may be some that are not among those: they count as well.
        out = sum(watched.ejected and each in self.callee.instances for each, watched in self.watched.items())
        well = sum(not each.suspect and not self.ejected(each.id) for each in instances)
        return out + 1 <= self.policy.share * len(instances) and well > 1

    def _eject(self, instance: str, known: Watched) -> None:
        now = self._now()
        if not known.ejected and known.times:
            known.times = max(0, known.times - int((now - known.until) / self.policy.base))
        known.times += 1
        length = min(self.policy.base * known.times, LONGEST)
        known.until, known.ejected, known.probe = now + length, True, None
        self.ejections += 1
        self._changed()
        self._report(instance, length)

    def _forget_absent(self) -> None:
        absent = self.watched.keys() - self.callee.instances.keys()
        for gone in absent:
            del self.watched[gone]
        if absent:
            self._look_ahead()

    def _changed(self) -> None:
        self.changes += 1
        self._look_ahead()

    def _look_ahead(self) -> None:
        waiting = (each.until for each in self.watched.values() if each.ejected and each.probe is None)
        self.due = min(waiting, default=math.inf)
