"""A callee of few slots under more calls than it can answer, on a clock that jumps."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from crossply.errors import DeadlineExceeded, Executed, Overloaded
from crossply.handler import Request, Response
from crossply.layers.admit import admit
from crossply.layers.bound import bound
from crossply.protection.admission import Admission
from crossply_policy.documents import AdmissionPolicy
from tests.unit.sdk.stage import now, request


@dataclass
class Callee:
    """One endpoint that runs ``slots`` calls of ``takes`` seconds at a time, and lets the others wait inside.

    ``beside`` is another endpoint of the same instance.
    """

    slots: int = 4
    takes: float = 0.02
    most: int = 1024
    adaptive: bool = True
    limit: int | None = None
    operation: str = "orders.create"
    beside: Callee | None = None
    answered: list[tuple[float, float]] = field(default_factory=list)
    refused: int = 0
    late: int = 0

    def __post_init__(self) -> None:
        self.admission: Admission = Admission(self.most, now) if self.beside is None else self.beside.admission
        self.admission.adopt(AdmissionPolicy(adaptive=self.adaptive, limit=self.limit))
        self._slots = asyncio.Semaphore(self.slots)
        self.handler = admit(self.admission, self.operation, now).wrap(bound(now).wrap(self._serve))

    async def _serve(self, _request: Request) -> Response:
        async with self._slots:
            await asyncio.sleep(self.takes)
        return Response()

    async def call(self, within: float, attempt: int = 1) -> None:
        """Send one call and note how it ended: when it was answered, and how long that took."""
        began = now()
        made = request(deadline=began + within, attempt=attempt)
        try:
            await self.handler(made)
        except Overloaded as error:
            if error.executed is not Executed.NO or error.retry_after is None:
                raise AssertionError(error) from error
            self.refused += 1
        except DeadlineExceeded:
            self.late += 1
        else:
            self.answered.append((began, now() - began))


async def offer(callees: list[Callee], rate: float, seconds: float, within: float) -> None:
    """Offer ``rate`` calls a second, each to the next callee, and wait until all have ended."""
    calls: list[asyncio.Task[None]] = []
    for number in range(round(rate * seconds)):
        calls.append(asyncio.ensure_future(callees[number % len(callees)].call(within)))
        await asyncio.sleep(1 / rate)
    await asyncio.gather(*calls)


def p99(callees: list[Callee], since: float) -> float:
    """Return the latency that 99 of 100 calls kept below, of those that began since then."""
    took = sorted(each for callee in callees for began, each in callee.answered if began >= since)
    return took[int(0.99 * (len(took) - 1))]
