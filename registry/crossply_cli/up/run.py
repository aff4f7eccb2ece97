"""One run of `crossply up`, from the lock to the last process gone."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from crossply_cli.exit_codes import ExitCode
from crossply_cli.output import Format, show
from crossply_cli.up import lineage, probes, report, words
from crossply_cli.up.access import Opening
from crossply_cli.up.development import Bench, Development
from crossply_cli.up.directory import DataDirectory
from crossply_cli.up.lines import Lines
from crossply_cli.up.ports import Ports
from crossply_cli.up.programs import Programs, broker_binary, check_installed
from crossply_cli.up.shop import SERVICES, Shop
from crossply_cli.up.supervisor import Supervisor
from crossply_cli.up.tally import Tally
from crossply_cli.up.turn import Turn, place

_HURRY, _SETTLE = 0.8, 0.4
_ORPHANS: Final = 3.0
_NEWS: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says; `duration` in seconds, `began` on the monotonic clock."""

    demo: bool
    closed: bool
    duration: float | None
    data: Path
    output: Format
    began: float


async def run(options: Options) -> int:
    """Run a mesh until it is told to stop or its time is over; return the exit code, raise Failure."""
    check_installed()
    broker_binary()
    directory = DataDirectory.hold(options.data)
    lines = Lines(sys.stderr)
    try:
        left = _recover(directory, lines)
        async with probes.loopback_client() as client:
            bench = Bench(
                directory=directory,
                supervisor=Supervisor(directory, lines),
                programs=Programs(directory=directory, environment=os.environ),
                ports=Ports(),
                lines=lines,
                client=client,
                left=left,
            )
            return await _Run(options, bench).run()
    finally:
        directory.release()


class _Run:
    """The children of one run, and what they add up to."""

    def __init__(self, options: Options, bench: Bench) -> None:
        self._options = options
        self._bench = bench
        self._lines = bench.lines
        self._supervisor = bench.supervisor
        self._directory = bench.directory
        self._shop: Shop | None = None
        self._stop = asyncio.Event()

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._told_to_stop)
        turn = await Turn.take(place(), self._stop, self._lines)
        development = Development(self._bench, self._opening, SERVICES if self._options.demo else ())
        working = loop.create_task(self._work(development, turn), name="work")
        stopping = loop.create_task(self._stop.wait(), name="stop")
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            interrupted = not working.done()
            working.cancel()
            await asyncio.wait({working})
            if not interrupted:
                working.result()
            return await self._end(development, interrupted=interrupted)
        finally:
            stopping.cancel()
            turn.release()
            await self._supervisor.aclose()
            self._directory.withdraw()
            self._lines.say("everything has stopped")

    async def _work(self, development: Development, turn: Turn) -> None:
        """Start what was asked for and return when its time is over."""
        words.banner(self._lines)
        await development.start()
        turn.release()
        if not self._options.demo:
            words.access(self._lines, self._opening)
            words.invite(self._lines, self._options.data)
            await self._last(time.monotonic())
            return
        self._shop = shop = Shop(self._bench, development.mesh)
        await shop.start()
        assert shop.first_call is not None  # noqa: S101 - start ends with it
        self._lines.fact("shop", "20 calls/s from web", "-> orders x2 -> billing, stock; orders.created -> mailer")
        self._lines.say(f"first call after {shop.first_call - self._options.began:.1f} s")
        words.quest(self._lines, development.mesh.gateway)
        words.access(self._lines, self._opening)
        async with asyncio.TaskGroup() as beside:
            news = beside.create_task(self._tell_news(shop.tally))
            beside.create_task(shop.check_edge())
            await self._last(shop.first_call)
            news.cancel()

    @property
    def _opening(self) -> Opening:
        if self._options.closed:
            return Opening.CLOSED
        return Opening.SHOP if self._options.demo else Opening.ALL

    async def _last(self, since: float) -> None:
        if self._options.duration is None:
            await self._stop.wait()
        else:
            await asyncio.sleep(since + self._options.duration - time.monotonic())

    async def _end(self, development: Development, *, interrupted: bool) -> int:
        """Stop the traffic, print what it came to, and return the exit code."""
        shop = self._shop
        tally = shop.tally if shop else Tally()
        if shop is not None:
            self._lines.say("stopping the traffic")
            await (shop.finish(_HURRY, _SETTLE) if interrupted else shop.finish())
        first = shop.first_call - self._options.began if shop and shop.first_call else None
        instances = shop.instances if shop else 0
        found = report.totals(tally, instances=instances, seconds_to_first_call=first, ports=development.ports)
        if shop is not None or self._options.output is not Format.TABLE:
            show(self._options.output, found, report.table(found, tally))
        if interrupted:
            return ExitCode.OK if self._options.duration is None else ExitCode.INTERRUPTED
        faults = shop.verdict() if shop else []
        for fault in faults:
            self._lines.say(f"not as it should be: {fault}")
        return ExitCode.FAILED if faults else ExitCode.OK

    async def _tell_news(self, tally: Tally) -> None:
        """Say every ten seconds what the traffic came to since."""
        made, ok, handled = tally.made, tally.ok, tally.events_handled
        while True:
            await asyncio.sleep(_NEWS)
            calls, failed = tally.made - made, tally.made - made - (tally.ok - ok)
            events = tally.events_handled - handled
            self._lines.say(f"{calls / _NEWS:.1f} calls/s, {failed} failed; {events / _NEWS:.1f} events/s handled")
            made, ok, handled = tally.made, tally.ok, tally.events_handled

    def _told_to_stop(self) -> None:
        """Stop in order when told once, at once when told again."""
        if self._stop.is_set():
            self._supervisor.kill()
            return
        self._lines.say("stopping (once more to stop at once)")
        self._stop.set()


def _recover(directory: DataDirectory, lines: Lines) -> dict[str, int]:
    """End what a crashed run left running and forget its addresses; return the ports it had, to be used again."""
    for orphan in lineage.end(directory.recorded(), _ORPHANS):
        lines.say(f"ended {orphan.name} (process {orphan.pid}), left by a run that crashed")
    directory.record([])
    left = directory.left_ports()
    directory.withdraw()
    return left
