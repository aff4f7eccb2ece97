"""docs/protocol.md prints the one table of codes."""

from __future__ import annotations

import re

from crossply.wire.status import STATUSES
from tests.architecture.tree import ROOT

PAGE = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")


def test_the_table_of_codes_is_that_of_the_wire() -> None:
    table = PAGE.partition("| code | executed | HTTP | means |\n|---|---|---|---|\n")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (\w+) \| (\w+) \| (\d+) \| (.+) \|$", table, re.MULTILINE)
    assert rows == [
        (str(code), str(status.executed), str(status.http), status.means) for code, status in STATUSES.items()
    ]
