"""What a run adds up to, once it is over: one object for programs, a short table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crossply_cli.output import Rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crossply_cli.up.tally import Tally


def totals(
    tally: Tally, *, instances: int, seconds_to_first_call: float | None, ports: Mapping[str, int]
) -> dict[str, Any]:
    """Return the object that `-o json` prints."""
    first = None if seconds_to_first_call is None else round(seconds_to_first_call, 3)
    return tally.totals() | {"instances": instances, "seconds_to_first_call": first, "ports": dict(ports)}


def table(found: Mapping[str, Any], tally: Tally) -> Rows:
    """Return the same for people, with the share of charges that failed."""
    rows: list[tuple[object, object, str]] = [
        ("calls", found["calls"], "by web"),
        ("ok", found["ok"], ""),
        ("failed", found["failed"], ", ".join(sorted(_failures(tally)))),
    ]
    if charges := tally.charges.total():
        failed = charges - tally.charges["ok"]
        rows.append(("charges", charges, f"by orders; {failed} failed, {failed / charges:.1%}"))
    rows += [
        ("events published", found["events_published"], "orders.created"),
        ("events handled", found["events_handled"], "by mailer"),
        ("instances", found["instances"], ""),
        ("first call", *_first_call(found["seconds_to_first_call"])),
    ]
    return Rows((), rows)


def _first_call(seconds: float | None) -> tuple[str, str]:
    return ("none succeeded", "") if seconds is None else (f"{seconds} s", "after the start")


def _failures(tally: Tally) -> list[str]:
    return [f"{operation} {code}" for operation, code in tally.calls if code != "ok"]
