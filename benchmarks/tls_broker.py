"""A nats-server that demands certificates, for the peers that speak mutual TLS; each callee runs one of its own."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.certificates import ADDRESS, write
from benchmarks.processes import Program


def tls_address(env: dict[str, Any]) -> str:
    """Return where it listens."""
    return f"tls://{ADDRESS}:{env['ports'][0]}"


@asynccontextmanager
async def tls_broker(env: dict[str, Any]) -> AsyncGenerator[Program]:
    """Write certificates into the run's folder and have a broker run on its first port."""
    tls = write(env["dir"])
    command = [
        str(Path(sys.executable).parent / "nats-server"), "-a", ADDRESS, "-p", str(env["ports"][0]), "--tlsverify",
        f"--tlscacert={tls.authority}", f"--tlscert={tls.certificate}", f"--tlskey={tls.key}",
    ]  # fmt: skip
    started = Program.start("nats-server with TLS", *command, word="Server is ready", own_group=False)
    async with aclosing(await started) as broker:
        await broker.said(10)
        yield broker
