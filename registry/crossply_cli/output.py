"""How results are shown: as a table for people, as JSON or YAML for programs; always on stdout."""

from __future__ import annotations

import base64
import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from io import StringIO
from typing import Any, Final, TypeVar

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text
from ruamel.yaml import YAML

from crossply_policy.plain_data import is_list, is_object

F = TypeVar("F", bound=Callable[..., Any])

_UNBOUNDED: Final = 100_000


class Format(StrEnum):
    """The forms of output."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


@dataclass(frozen=True, slots=True)
class Rows:
    """A table: its column heads (none for a plain list of names and values), and its rows."""

    heads: Sequence[str]
    rows: Sequence[Sequence[object]]


def format_option(default: Format = Format.TABLE) -> Callable[[F], F]:
    """Give a command the option `-o`; it arrives as the argument `output`."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice([each.value for each in Format]),
        callback=_format,
        default=default.value,
        show_default=True,
        help="How the result is shown.",
    )


def _format(_context: click.Context, _parameter: click.Parameter, value: str) -> Format:
    return Format(value)


def show(output: Format, value: Any, *tables: Rows) -> None:
    """Print a result: `value` as JSON or YAML, or the tables that say the same."""
    match output:
        case Format.JSON:
            click.echo(as_json(value))
        case Format.YAML:
            click.echo(as_yaml(value), nl=False)
        case Format.TABLE:
            for index, table in enumerate(tables):
                if index:
                    click.echo()
                _print(table)


def as_json(value: Any) -> str:
    """Return a value as JSON: bytes as text where they are text, else as base64; nan and infinities as null."""
    return json.dumps(_jsonable(value), indent=2, ensure_ascii=False, allow_nan=False)


def as_text(value: bytes) -> str | None:
    """Return the text that bytes are, None when they are none."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def as_yaml(value: Any) -> str:
    """Return a value as YAML, its keys in the order given."""
    out = StringIO()
    yaml: Any = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False
    yaml.dump(json.loads(as_json(value)), out)
    return out.getvalue().removesuffix("...\n")


def pairs(value: Any) -> Rows:
    """Return any value as a table of names and values; what is nested is shown as JSON."""
    if is_object(value):
        return Rows((), [(name, _cell(each)) for name, each in value.items()])
    return Rows((), [(_cell(value),)])


def as_line(cells: Sequence[object]) -> str:
    """Return the cells of one row as a line, for what is shown as it comes."""
    return "   ".join(_printable(str(cell)) for cell in cells)


def _print(table: Rows) -> None:
    shown = Table(box=None, show_header=bool(table.heads), pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for head in table.heads or [""] * max((len(row) for row in table.rows), default=0):
        shown.add_column(head.upper(), no_wrap=not sys.stdout.isatty())
    for row in table.rows:
        shown.add_row(*(Text(_printable(str(cell))) for cell in row))
    width = None if sys.stdout.isatty() else _UNBOUNDED  # a program that reads tables gets whole lines
    plain = bool(os.environ.get("NO_COLOR"))  # no escapes at all: bold is as unwanted as colour
    console = Console(width=width, highlight=False, color_system=None if plain else "auto")
    with console.capture() as captured:
        console.print(shown)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _cell(value: Any) -> str:
    if is_object(value) or is_list(value):
        return json.dumps(_jsonable(value), ensure_ascii=False, allow_nan=False)
    return str(_jsonable(value) if isinstance(value, bytes) else value)


def _printable(text: str) -> str:
    """Return text that cannot steer the terminal: names and values come from the network."""
    return "".join(each if each.isprintable() or each == "\n" else repr(each)[1:-1] for each in text)


def _jsonable(value: Any) -> Any:
    if is_object(value):
        return {str(_jsonable(key)): _jsonable(each) for key, each in value.items()}
    if is_list(value):
        return [_jsonable(each) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        text = as_text(value)
        return base64.b64encode(value).decode() if text is None else text
    return value if value is None or isinstance(value, str | int) else str(value)
