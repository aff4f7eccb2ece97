"""`crossply trace`: what one request did, as a tree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import click

from crossply_cli.commands.stat import milliseconds
from crossply_cli.output import Format, Rows, format_option, show
from crossply_cli.session import with_registry

_DOES: Final = {"caller": "call", "callee": "serve", "publisher": "publish", "subscriber": "handle"}


@click.command
@click.argument("trace_id", required=False)
@click.option(
    "--last",
    is_flag=False,
    flag_value=1,
    type=click.IntRange(1, 100),
    metavar="[N]",
    help="The trace that began last, or the N last ones, the newest last.",
)
@format_option()
def trace(trace_id: str | None, last: int | None, output: Format) -> None:
    """Show what a request did: TRACE_ID as an error or a log line names it, or the last ones."""
    if (trace_id is None) == (last is None):
        raise click.UsageError("say which trace: its id, or --last")
    if trace_id is not None:
        known = trace_id
        one = with_registry(lambda api: api.trace(known))
        show(output, one, *_tree(one))
        return
    found = with_registry(lambda api: api.traces(last or 1))
    shown = list(reversed(found))
    show(output, shown, *(table for each in shown for table in _tree(each)))
    if not shown:
        click.echo("no trace was reported; `crossply policy get Telemetry/mesh` says how many are sampled", err=True)


def _tree(one: dict[str, Any]) -> tuple[Rows, Rows]:
    began = datetime.fromtimestamp(one["began"], UTC).isoformat(timespec="milliseconds")
    head = Rows((), [("trace", one["trace_id"]), ("began", began), ("took", milliseconds(one["duration"]))])
    rows = [
        (
            f"{'  ' * depth}{what(span)}",
            span["service"],
            f"+{milliseconds(span['start'] - one['began'])}",
            milliseconds(span["duration"]),
            span["code"],
        )
        for depth, span in walk(folded(one["spans"]))
    ]
    return head, Rows(("span", "service", "begins", "takes", "outcome"), rows)


def folded(spans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the spans without the attempts that were the only one of their call: what they led to is the call's."""
    here = {each["span_id"] for each in spans}
    attempts = Counter(each["parent_id"] for each in spans if each.get("cause"))
    alone = {
        each["span_id"]: each["parent_id"]
        for each in spans
        if each.get("cause") and attempts[each["parent_id"]] == 1 and each["parent_id"] in here
    }
    return [
        {**each, "parent_id": alone.get(each["parent_id"], each["parent_id"])}
        for each in spans
        if each["span_id"] not in alone
    ]


def walk(spans: list[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield spans with their depth, a parent before its children; those whose parent is not here are roots."""
    here = {each["span_id"] for each in spans}
    below: dict[str, list[dict[str, Any]]] = {}
    for each in spans:
        below.setdefault(each["parent_id"] if each["parent_id"] in here else "", []).append(each)
    waiting = [(0, each) for each in reversed(below.pop("", []))]
    while waiting:
        depth, span = waiting.pop()
        yield depth, span
        # Taken out, so that spans that name each other as parents end.
        waiting += [(depth + 1, each) for each in reversed(below.pop(span["span_id"], []))]


def what(span: dict[str, Any]) -> str:
    """Return what a span was, in a few words."""
    if cause := span.get("cause"):
        subset = f", subset {span['subset']}" if span["subset"] else ""
        return f"attempt {span['attempts']} ({cause}) at {span['addressed'] or 'the queue group'}{subset}"
    again = f" ({span['attempts']} attempts)" if span["side"] == "caller" and span["attempts"] > 1 else ""
    return f"{_DOES.get(span['side'], span['side'])} {span['operation']}{again}"
