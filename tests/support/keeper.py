"""A service in a process of its own whose replies are kept, writing down in LEDGER what it ran.

As CRASH says it is killed by itself, as by a crash: in the middle of its run (``running``), or when its reply has been
kept and nobody was told (``kept``).
"""

from __future__ import annotations

import os
import signal

from crossply import Mesh
from crossply.errors import EndpointFailed
from crossply.handler import Response
from crossply.protection.replies import Claim, Replies

mesh = Mesh("keeper")
_ledger = os.open(os.environ["LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
_crash = os.environ.get("CRASH", "")
_keep = Replies.keep


def crash_if(moment: str) -> None:
    """Be killed, if this is the moment."""
    if moment == _crash:
        os.kill(os.getpid(), signal.SIGKILL)


@mesh.endpoint(idempotency="kv")
async def create(number: int) -> str:
    """Write down that it ran, and say where."""
    os.write(_ledger, f"{number}\n".encode())
    crash_if("running")
    return mesh.instance


async def kept(replies: Replies, claim: Claim, outcome: Response | EndpointFailed) -> None:
    """Keep an outcome, and perhaps tell nobody."""
    await _keep(replies, claim, outcome)
    crash_if("kept")


if __name__ == "__main__":
    Replies.keep = kept  # type: ignore[assignment, method-assign]  # between the two there is no moment that others could meet
    mesh.run()
