"""What a call costs with Crossply and with what one would take instead: the same echo, in turn, on this machine."""

from __future__ import annotations

import argparse
import asyncio
import json
import shlex
import signal
import socket
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack, aclosing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))  # a script that runs with -I finds nothing beside it

from benchmarks.comparison import Row, Run, compared, table
from benchmarks.processes import Ended, Program, while_running

FOLDER = Path(__file__).parent.resolve()
FIRST = ("raw_nats", "crossply")
CONTROL = " (control)"
STARTED_WITHIN = 30.0
PORTS = 8

Runs = dict[tuple[str, int], list[Run]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is compared, by name and file, and how."""

    peers: dict[str, Path]
    concurrency: tuple[int, ...]
    rounds: int
    seconds: float
    control: bool
    output: str

    @property
    def first(self) -> str:
        """The peer that the others are compared with."""
        return next(iter(self.peers))

    @property
    def rows(self) -> dict[str, Path]:
        """The peers, and the first of them again: how far its ratio lies from 1 is the noise of the run."""
        return self.peers | ({self.first + CONTROL: self.peers[self.first]} if self.control else {})


def known() -> dict[str, Path]:
    """Return the peers that have a name, those that are measured by default first."""
    files = {path.stem: path for path in sorted((FOLDER / "peers").glob("*.py"))} | {"crossply": FOLDER / "peer.py"}
    return {name: files[name] for name in FIRST} | files


def peers(text: str) -> dict[str, Path]:
    """Parse names and paths joined by commas, or ``all``; raise ``ArgumentTypeError``."""
    names = known()
    if text == "all":
        return names
    found: dict[str, Path] = {}
    for each in text.split(","):
        path = Path(each).resolve() if each.endswith(".py") else names.get(each)
        if path is None or not path.is_file():
            raise argparse.ArgumentTypeError(f"{each!r} is neither a path that ends in .py nor of {', '.join(names)}")
        if path.stem in found or each in found:
            raise argparse.ArgumentTypeError(f"{each!r} stands there twice")
        found[path.stem if each.endswith(".py") else each] = path
    return found


def numbers(text: str) -> tuple[int, ...]:
    """Parse positive whole numbers joined by commas; raise ``ValueError``."""
    return tuple(positive(each) for each in text.split(","))


def positive(text: str) -> int:
    """Parse one positive whole number; raise ``ValueError``."""
    if (value := int(text)) < 1:
        raise ValueError(text)
    return value


def duration(text: str) -> float:
    """Parse seconds; raise ``ValueError``."""
    if not 0 < (value := float(text)) <= 600:
        raise ValueError(text)
    return value


def parse(arguments: Sequence[str]) -> Plan:
    """Read the command line; end with a message if it is wrong."""
    parser = argparse.ArgumentParser(prog="calls.py", description=__doc__)
    parser.add_argument(
        "--peers", type=peers, default=",".join(FIRST), help="names, or paths of files, or `all`; default: %(default)s"
    )
    parser.add_argument(
        "-c", "--concurrency", type=numbers, default="1,64", help="calls under way at a time; default: %(default)s"
    )
    parser.add_argument("--rounds", type=positive, default=9, help="default: %(default)s")
    parser.add_argument("--seconds", type=duration, default=3.0, help="of one measurement; default: %(default)g")
    parser.add_argument("--no-control", dest="control", action="store_false", help="do not run the first peer twice")
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table", help="default: %(default)s")
    return Plan(**vars(parser.parse_args(arguments)))


async def measure(plan: Plan) -> Runs:
    """Run every peer once a round, against one broker; raise ``Ended`` when a process fails."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if task is not None:
        for each in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(each, task.cancel)
    runs: Runs = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="crossply-calls-", ignore_cleanup_errors=True) as scratch:
        [port] = free_ports(1)
        command = (str(Path(sys.executable).parent / "nats-server"), "-a", "127.0.0.1", "-p", str(port))
        store = ("-js", "-sd", scratch)
        async with aclosing(await Program.start("nats-server", *command, *store, word="Server is ready")) as broker:
            await broker.said(STARTED_WITHIN)
            for number in range(plan.rounds):
                print(f"calls: round {number + 1} of {plan.rounds}", file=sys.stderr, flush=True)
                rows = list(plan.rows.items())
                # There and back: what grows from turn to turn, such as heat, weighs on the last as on the first.
                for name, path in rows if number % 2 == 0 else reversed(rows):
                    env = {"nats": f"nats://127.0.0.1:{port}", "ports": free_ports(PORTS)}
                    for concurrency, run in (await turn(plan, name, path, env, scratch, broker)).items():
                        runs[name, concurrency].append(run)
    return runs


async def turn(plan: Plan, name: str, path: Path, env: dict[str, Any], scratch: str, broker: Program) -> dict[int, Run]:
    """Start one peer's callee and measure it at each concurrency, each with a new caller."""
    with tempfile.TemporaryDirectory(dir=scratch, ignore_cleanup_errors=True) as folder:
        given = json.dumps(env | {"dir": folder})
        child = (sys.executable, "-I", str(FOLDER / "one_side.py"))
        serving = Program.start(f"{name}: the callee", *child, "serve", str(path), given, word="^ready$")
        async with aclosing(await serving) as callee:
            await while_running([broker], callee.said(STARTED_WITHIN))
            found: dict[int, Run] = {}
            for concurrency in plan.concurrency:
                drive = (*child, "drive", str(path), given, str(concurrency), str(plan.seconds))
                async with aclosing(await Program.start(f"{name}: the caller", *drive, word="^result ")) as caller:
                    line = await while_running([broker, callee], caller.said(plan.seconds + STARTED_WITHIN))
                found[concurrency] = Run(**json.loads(line.removeprefix("result ")))
            return found


def free_ports(number: int) -> list[int]:
    """Return loopback ports that nobody listens on."""
    with ExitStack() as open_sockets:
        sockets = [open_sockets.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def command(plan: Plan) -> str:
    """Return the command that runs this plan, its defaults written out."""
    names = [name if known().get(name) == path else str(path) for name, path in plan.peers.items()]
    words = ["--peers", ",".join(names), "-c", ",".join(map(str, plan.concurrency)), "--rounds", str(plan.rounds)]
    words += ["--seconds", f"{plan.seconds:g}", *([] if plan.control else ["--no-control"])]
    return f'make bench ARGS="{shlex.join(words)}"'


def report(plan: Plan, rows: list[Row]) -> str:
    """Return what is printed."""
    if plan.output == "json":
        return json.dumps({"command": command(plan), "rows": [asdict(row) for row in rows]}, indent=2)
    how = f"medians of {plan.seconds:g} s a round, rounds: {plan.rounds}"
    ratios = f"x: ratio to {plan.first}, of req/s the median over the rounds, of p99 that of the medians"
    return f"{table(rows)}\n{how}; {ratios}\n{command(plan)}"


def main() -> int:
    """Compare, print, and return 0; 1 after a message when a process failed."""
    plan = parse(sys.argv[1:])
    try:
        runs = asyncio.run(measure(plan))
    except (Ended, OSError) as fault:
        print(f"calls: failed: {fault}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    rows = [
        compared(name, concurrency, runs[name, concurrency], runs[plan.first, concurrency])
        for concurrency in plan.concurrency
        for name in plan.rows
    ]
    print(report(plan, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
