"""What a user is told: what this is, what it is not for, what to try."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from crossply_cli.installed import version
from crossply_cli.up import examples
from crossply_cli.up.access import OWN, Opening

if TYPE_CHECKING:
    from pathlib import Path

    from crossply_cli.up.lines import Lines


def banner(lines: Lines) -> None:
    """Say what starts, and that it is for development alone."""
    which = version("crossply", "from a tree that is not installed")
    lines.title(f"crossply {which}   for development; Ctrl-C stops everything")
    lines.say(
        "not for production: whoever may read the data directory joins as any service; all listens on loopback only"
    )
    lines.say("identities are this mesh's own and no other takes them; messages between its services are sealed")


def access(lines: Lines, opening: Opening) -> None:
    """Say who may reach what, and how that is changed."""
    if opening is Opening.ALL:
        lines.say(f"access     everybody may reach everything, by Access/{opening.value}; --closed begins without it")
    elif opening is Opening.SHOP:
        lines.say(f"access     the shop's pairs alone, and by Access/{opening.value} this command and a service {OWN};")
        lines.say("           crossply policy get Access")
    else:
        lines.say("access     nobody may reach anything until an Access document says so: docs/policies.md")


def invite(lines: Lines, data: Path) -> None:
    """Say how a service of the user's joins."""
    if data.name == ".crossply":
        lines.say(f"your turn: a service started in {data.resolve().parent} or below finds this mesh:")
        for line in _hello():
            lines.say(f"           {line}")
    else:
        lines.say(f"your turn: a service with CROSSPLY_MESH={_typed(data.resolve() / 'mesh.json')} joins this mesh")


def quest(lines: Lines, gateway: str) -> None:
    """Say what to look at in the shop, and what to mend."""
    order = """-H 'content-type: application/json' -d '{"sku": "a", "quantity": 1}'"""
    policy = examples.shop() / "policies" / "billing-retries.yaml"
    lines.say("look       crossply services, crossply stat, crossply trace --last, crossply call web.stats")
    lines.say(f"edge       curl {gateway}/svc/stock/items/a")
    lines.say(f"           curl {gateway}/orders/create {order}")
    lines.say("quest      8 % of the charges fail, and each takes an order along; charging again does no harm, so:")
    lines.say(f"           crossply policy apply -f {_typed(policy)}")


def _hello() -> list[str]:
    """Return the commands of a first service; whoever has no clone gets a copy to change."""
    call = """crossply call hello.greet -d '{"name": "Ada"}'"""
    path = examples.hello()
    if path is None:
        return ["crossply services"]
    if path.is_relative_to(path.cwd()):
        return [f"python {_typed(path)}", call]
    return [f"cp {_typed(path)} hello.py", "python hello.py", call]


def _typed(path: Path) -> str:
    return shlex.quote(examples.shown(path))
