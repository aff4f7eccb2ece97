"""What calls.py makes of its command line and of its measurements."""

from __future__ import annotations

import json

import pytest

from benchmarks.calls import command, parse, report
from benchmarks.comparison import Row, Run, compared, measured, table


def run(rate: float, p99: float = 0.002) -> Run:
    return Run(rate=rate, p50=0.001, p99=p99)


def test_a_run_tells_its_rate_and_the_nearest_ranks_of_its_laps() -> None:
    laps = [n / 1000 for n in range(200, 0, -1)]
    assert measured(laps, took=4.0) == Run(rate=50.0, p50=0.100, p99=0.198)


def test_a_run_of_one_call_is_that_call() -> None:
    assert measured([0.5], took=0.5) == Run(rate=2.0, p50=0.5, p99=0.5)


def test_the_ratio_of_rates_is_the_median_of_the_rounds_ratios() -> None:
    # The machine was half as fast in the third round: the ratio of the medians would be 0.5, of the rounds 0.6.
    first = [run(1000), run(1000), run(500)]
    row = compared("other", 1, [run(500), run(600), run(300)], first)
    assert row.rate == 500
    assert row.rate_ratio == pytest.approx(0.6)


def test_the_ratio_of_p99_is_that_of_the_medians() -> None:
    first = [run(1, p99) for p99 in (0.001, 0.002, 0.009)]
    row = compared("other", 64, [run(1, p99) for p99 in (0.009, 0.003, 0.001)], first)
    assert row.p99 == 0.003
    assert row.p99_ratio == pytest.approx(1.5)


def test_the_first_peer_compared_with_itself_is_one() -> None:
    runs = [run(1000), run(900)]
    row = compared("first", 1, runs, runs)
    assert (row.rate_ratio, row.p99_ratio) == (1.0, 1.0)


def test_a_round_without_its_counterpart_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        compared("other", 1, [run(1)], [run(1), run(1)])


def test_the_table_is_aligned() -> None:
    rows = [Row("raw_nats", 1, 3083.4, 0.000309, 0.000554, 1.0, 1.0), Row("x", 64, 10.0, 0.0044, 0.0098, 0.41, 2.83)]
    assert table(rows).splitlines() == [
        "peer       c  req/s  p50 ms  p99 ms  x req/s  x p99",
        "raw_nats   1   3083   0.309   0.554     1.00   1.00",
        "x         64     10   4.400   9.800     0.41   2.83",
    ]


def test_the_first_peer_is_run_a_second_time_unless_told_otherwise() -> None:
    assert list(parse([]).rows) == ["raw_nats", "crossply", "raw_nats (control)"]
    assert list(parse(["--no-control"]).rows) == ["raw_nats", "crossply"]


def test_all_peers_are_those_that_lie_there() -> None:
    named = {
        "raw_nats",
        "crossply",
        "raw_nats_tls",
        "crossply_tls",
        "crossply_sealed",
        "crossply_closed",
        "faststream_rpc",
        "grpc_aio",
        "envoy_pair",
    }
    assert set(parse(["--peers", "all"]).peers) == named


@pytest.mark.parametrize(
    "arguments",
    [
        ["--peers", "no_such"],
        ["--peers", "no_such.py"],
        ["--peers", "raw_nats,raw_nats"],
        ["-c", "0"],
        ["--rounds", "0"],
        ["--seconds", "0"],
        ["--seconds", "nan"],
    ],
    ids=" ".join,
)
def test_a_command_line_that_cannot_be_measured_is_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(arguments)
    assert caught.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_the_report_names_the_command_with_its_defaults() -> None:
    plan = parse([])
    expected = 'make bench ARGS="--peers raw_nats,crossply -c 1,64 --rounds 9 --seconds 3"'
    assert command(plan) == expected
    assert report(plan, []).endswith(expected)


def test_the_report_as_json_holds_the_rows() -> None:
    row = compared("raw_nats", 1, [run(1000)], [run(1000)])
    found = json.loads(report(parse(["-o", "json"]), [row]))
    assert [(each["peer"], each["rate"], each["rate_ratio"]) for each in found["rows"]] == [("raw_nats", 1000, 1.0)]
