"""docs/cli.md names every command, and its table of exit codes is the enum."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from crossply_cli.exit_codes import ExitCode
from crossply_cli.main import cli
from tests.architecture.tree import ROOT

PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")


def commands(command: click.Command, path: str) -> Iterator[str]:
    if not isinstance(command, click.Group):
        yield path
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from commands(found, f"{path} {name}")


def test_every_command_is_documented() -> None:
    missing = [path for path in commands(cli, "crossply") if f"`{path}" not in PAGE and f"    {path}" not in PAGE]
    assert missing == []


def test_the_table_of_exit_codes_is_the_enum() -> None:
    table = PAGE.partition("| code | name | means |\n|---|---|---|\n")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| (.*) \|", table, re.MULTILINE)
    assert rows == [(str(int(code)), code.name.lower(), code.meaning) for code in ExitCode]
