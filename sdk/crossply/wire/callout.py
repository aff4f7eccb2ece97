"""Where brokers ask who connects: a connection of its own, to the account that they ask in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

from crossply.clock import chance_of_loop, of_loop
from crossply.tasks import Tasks
from crossply.telemetry.logs import get_logger
from crossply.wire import subjects
from crossply.wire.dial import dial
from crossply.wire.supervisor import Supervisor

if TYPE_CHECKING:
    from crossply.wire.link import ConnectionEvent, LinkConfig

Answer: TypeAlias = Callable[[bytes], Awaitable[bytes | None]]
"""Returns the answer to a question, None for silence."""


class Callout:
    """One replica that answers; of several, one gets each question."""

    def __init__(self, config: LinkConfig, answer: Answer) -> None:
        self._answer = answer
        self._log = get_logger("wire").bind(service=config.service, instance=config.instance)
        self._tasks = Tasks(self._report)
        self._broker = Supervisor(
            config, dial, of_loop(), chance_of_loop(), on_event=self._happened, report=self._report
        )
        # Each tenant's authority is asked about everybody, and answers for its own alone.
        group = subjects.callout_group(config.tenant).encode()
        self._broker.listen(subjects.WHO_CONNECTS.encode(), self._asked, queue=group)

    @classmethod
    async def open(cls, config: LinkConfig, answer: Answer) -> Callout:
        """Return one that answers; raise ``Unavailable`` when no broker answers in time."""
        made = cls(config, answer)
        await made._broker.open()
        return made

    @property
    def connected(self) -> bool:
        """Whether a broker can ask now."""
        return self._broker.connected

    async def aclose(self) -> None:
        """Answer nobody any more."""
        await self._tasks.aclose()
        await self._broker.aclose()

    def _asked(self, _subject: bytes, reply: bytes, data: bytes, _headers: bytes) -> None:
        if reply:
            self._tasks.spawn(self._reply(reply, data), "answer to a broker")

    async def _reply(self, reply: bytes, question: bytes) -> None:
        answer = await self._answer(question)
        if answer is not None and self._broker.connected:
            self._broker.send(reply, answer)

    def _happened(self, event: ConnectionEvent) -> None:
        self._log.info("callout_connection", now=event.value)

    def _report(self, what: str, error: BaseException) -> None:
        self._log.warning("callout_fault", what=what, error=str(error) or type(error).__name__)
