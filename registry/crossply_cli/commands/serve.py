"""`crossply registry serve` and `crossply bridge serve`: the processes that containers run."""

from __future__ import annotations

from importlib import import_module

import click


@click.group
def registry() -> None:
    """Run the registry."""


@click.group
def bridge() -> None:
    """Run a bridge."""


@registry.command("serve")
@click.option("--authority", is_flag=True, help="Serve the authority as well, in the same process.")
def serve_registry(*, authority: bool) -> int:
    """Serve the registry's HTTP API until SIGTERM; CROSSPLY_* say where and how."""
    return _main("crossply_registry.with_authority" if authority else "crossply_registry.__main__")


@bridge.command("serve")
def serve_bridge() -> int:
    """Carry HTTP into the mesh, or calls to an HTTP application, until SIGTERM; CROSSPLY_* say which."""
    return _main("crossply_bridge.__main__")


def _main(module: str) -> int:
    code: int = import_module(module).main()
    return code
