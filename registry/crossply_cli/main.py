"""The command `crossply`: what it offers, and how every failure ends."""

from __future__ import annotations

import os
import sys
from typing import Final

import click

from crossply.errors import ConfigError
from crossply_cli import installed
from crossply_cli.exit_codes import ExitCode
from crossply_cli.failure import Failure
from crossply_cli.lazy import Entry, LazyGroup

COMMANDS: Final = {
    "up": Entry("crossply_cli.commands.up:up", "Run a whole mesh on this machine, for development."),
    "call": Entry("crossply_cli.commands.call:call", "Call an endpoint and print what it returns."),
    "services": Entry("crossply_cli.commands.services:services", "List services, or show one with its instances."),
    "policy": Entry("crossply_cli.commands.policy:policy", "Check, apply, read and delete policy documents."),
    "stat": Entry("crossply_cli.commands.stat:stat", "Show rate, success and latency of what calls what."),
    "trace": Entry("crossply_cli.commands.trace:trace", "Show what a request did, as a tree."),
    "audit": Entry("crossply_cli.commands.audit:audit", "Show who was refused what, by which rule."),
    "check": Entry("crossply_cli.commands.check:check", "Check broker, registry and data planes."),
    "registry": Entry("crossply_cli.commands.serve:registry", "Run the registry."),
    "bridge": Entry("crossply_cli.commands.serve:bridge", "Run a bridge."),
    "authority": Entry("crossply_cli.commands.authority:authority", "Prepare and run the authority over identities."),
    "token": Entry("crossply_cli.commands.token:token", "Make, list, rotate and revoke enrolment tokens."),
    "identity": Entry("crossply_cli.commands.identity:identity", "See, issue and revoke identities."),
    "version": Entry("crossply_cli.commands.version:version", "Print the versions of what is installed."),
}


def _version(context: click.Context, _parameter: click.Parameter, asked: bool) -> None:  # noqa: FBT001 - click's
    if asked:
        click.echo(f"crossply {installed.version('crossply')}")
        context.exit()


@click.group(
    cls=LazyGroup,
    entries=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Data goes to stdout, messages to stderr. The exit codes are explained in docs/cli.md.",
)
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Say which it is.")
def cli() -> None:
    """Crossply: an event mesh for services on NATS."""


def run(arguments: list[str]) -> int:
    """Run one command line; print what went wrong on stderr and return the exit code."""
    try:
        code = cli.main(arguments, prog_name="crossply", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return ExitCode.USAGE
    except (click.Abort, KeyboardInterrupt):
        return _end(["interrupted"], ExitCode.INTERRUPTED)
    except ConfigError as error:
        return _end(["configuration is wrong", *(f"  {fault}" for fault in error.faults)], ExitCode.CONFIG)
    except Failure as failure:
        return _end(failure.lines(), failure.code)
    except BrokenPipeError:  # whoever read our output has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    return code if isinstance(code, int) else ExitCode.OK


def _end(lines: list[str], code: ExitCode) -> int:
    for index, line in enumerate(lines):
        click.echo(line if index else f"crossply: {line}", err=True)
    return code
