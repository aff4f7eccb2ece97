"""What the registry keeps of reports: a window, totals, the last traces; all of them bounded."""

from __future__ import annotations

from crossply.errors import Code
from crossply.telemetry.recorder import Side
from crossply_registry.observed.totals import Totals
from crossply_registry.observed.traces import Told, Traces
from crossply_registry.observed.window import LONGEST, Window
from tests.unit.registry.fakes import Clock
from tests.unit.registry.reports import counted, span


def test_a_window_tells_what_happened_within_it() -> None:
    clock = Clock()
    window = Window(clock)
    window.add(counted())
    clock.now += 100
    window.add(counted(Side.CALLER, "web", "orders", "orders.create", Code.INTERNAL, 1.0, 2.0))
    seconds, found = window.last(60)
    [(key, seen)] = found.items()
    assert seconds == 60
    assert key == (Side.CALLER, "web", "orders", "orders.create")
    assert seen.codes == {Code.INTERNAL: 2}
    _, found = window.last(300)
    assert found[key].codes == {Code.OK: 1, Code.INTERNAL: 2}


def test_a_window_is_not_longer_than_its_registry_is_old() -> None:
    clock = Clock()
    window = Window(clock)
    clock.now += 12
    assert window.last(60)[0] == 12


def test_what_is_older_than_the_longest_window_is_forgotten() -> None:
    clock = Clock()
    window = Window(clock)
    for _ in range(1000):
        window.add(counted())
        clock.now += 5
    assert len(window) == LONGEST / 5 + 1


def test_edges_beyond_the_bound_are_one() -> None:
    window, totals = Window(Clock(), most=10), Totals(most=10)
    for number in range(500):
        for kept in (window, totals):
            kept.add(counted(operation=f"orders.create-{number}"))
    _, found = window.last(60)
    assert len(found) == 11
    assert found[Side.CALLER, "_other", "_other", "_other"].count == 490
    assert len(totals.edges()) == 11
    assert {edge.operation: edge.ok.count for edge in totals.edges()}["_other"] == 490


def test_the_traces_that_were_told_of_longest_ago_go_first() -> None:
    traces = Traces(lambda: 0.0, most=100, most_of_one=20)
    for number in range(500):
        told = Told("web", "aaaaaaaaaaaa", span(trace_id=f"{number // 10:032x}", start=number))
        traces.add(told)
    assert sum(len(each.spans) for each in traces.last(100)) == 100
    assert [int(each.trace_id, 16) for each in traces.last(3)] == [49, 48, 47]
    assert traces.get(f"{1:032x}") is None


def test_a_trace_without_end_is_kept_in_part() -> None:
    traces = Traces(lambda: 0.0, most_of_one=20)
    for number in range(50):
        traces.add(Told("web", "aaaaaaaaaaaa", span(start=number)))
    [trace] = traces.last(1)
    assert (len(trace.spans), trace.left_out) == (20, 30)


def test_the_last_traces_are_those_that_all_have_told_of() -> None:
    at = 0.0
    traces = Traces(lambda: at)
    for number, heard in enumerate((0.0, 1.0, 2.5)):
        at = heard
        traces.add(Told("web", "aaaaaaaaaaaa", span(trace_id=f"{number:032x}", start=number)))
    at = 4.0
    assert [int(each.trace_id, 16) for each in traces.last(3)] == [1, 0, 2]
    at = 5.5
    assert [int(each.trace_id, 16) for each in traces.last(3)] == [2, 1, 0]
