"""What `crossply up` tells a user to type works where the user is."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest

from crossply_cli.up import examples, report, words
from crossply_cli.up.access import Opening
from crossply_cli.up.lines import Lines
from crossply_cli.up.tally import Tally
from tests.architecture.tree import ROOT


def invited(data: Path) -> list[str]:
    out = StringIO()
    words.invite(Lines(out), data)
    return [line.strip() for line in out.getvalue().splitlines()]


def quested() -> str:
    out = StringIO()
    words.quest(Lines(out), "http://127.0.0.1:8600")
    return out.getvalue()


def accessed(opening: Opening) -> str:
    out = StringIO()
    words.access(Lines(out), opening)
    return out.getvalue()


def test_a_mesh_says_who_may_reach_what() -> None:
    assert "everybody may reach everything, by Access/dev-allow-all" in accessed(Opening.ALL)
    assert "Access/dev-own" in accessed(Opening.SHOP)
    assert "everybody" not in accessed(Opening.SHOP) + accessed(Opening.CLOSED)
    assert "nobody may reach anything" in accessed(Opening.CLOSED)


@pytest.mark.parametrize("opening", Opening)
def test_what_is_said_beside_a_name_begins_in_one_column(opening: Opening) -> None:
    out = StringIO()
    lines = Lines(out)
    lines.fact("authority", "https://127.0.0.1:8701")
    words.access(lines, opening)
    words.invite(lines, Path("data"))
    words.quest(lines, "http://127.0.0.1:8600")
    begin = out.getvalue().index("https")
    assert {line[begin - 1] for line in out.getvalue().splitlines()} == {" "}
    assert all(line[begin] != " " for line in out.getvalue().splitlines())


def test_a_mesh_with_another_folder_says_how_its_services_find_it(tmp_path: Path) -> None:
    assert f"CROSSPLY_MESH={tmp_path / 'data' / 'mesh.json'}" in "".join(invited(tmp_path / "data"))


def test_the_banner_says_that_it_is_for_development() -> None:
    out = StringIO()
    words.banner(Lines(out))
    assert "for development" in out.getvalue()
    assert "not for production" in out.getvalue()
    assert "listens on loopback only" in out.getvalue()


def test_in_a_clone_the_examples_are_named_as_they_lie_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert "python examples/hello.py" in invited(Path(".crossply"))
    assert "-f examples/shop/policies/billing-retries.yaml" in quested()


def test_elsewhere_they_are_copied_from_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = invited(Path(".crossply"))
    copied = next(line for line in said if line.startswith("cp "))
    assert Path(copied.split()[1]).is_file()
    assert said[said.index(copied) + 1] == "python hello.py"
    assert str(examples.shop() / "policies" / "billing-retries.yaml") in quested()


def test_a_mesh_without_the_examples_names_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examples, "hello", lambda: None)
    assert "hello" not in "".join(invited(Path(".crossply")))


def test_a_demo_that_ends_before_its_first_call_says_so() -> None:
    found = report.totals(Tally(), instances=0, seconds_to_first_call=None, ports={})
    assert found["seconds_to_first_call"] is None
    rows = {row[0]: row[1:] for row in report.table(found, Tally()).rows}
    assert rows["first call"] == ("none succeeded", "")
