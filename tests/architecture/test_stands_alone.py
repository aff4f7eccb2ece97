"""No kept file tells from which index a package came, or on which machine the tree once lay."""

from __future__ import annotations

import re

from tests.architecture.tree import ROOT, kept_files, shown

# Put together here, so that this file does not hold what it looks for.
HOSTS = ("py" + "pi.org", "python" + "hosted.org", "registry." + "npmjs", "deb." + "debian.org")
OPTIONS = tuple("--" + option for option in ("index" + "-url", "extra-index" + "-url", "trusted" + "-host"))
FOLDERS = tuple("/" + folder + "/" for folder in ("work", "root", "opt/pypi"))


def _machine() -> list[str]:
    """Where the tree lies now, if that is long enough not to be mistaken for an ordinary path."""
    return [str(ROOT)] if len(ROOT.parts) > 3 else []


PATTERN = re.compile(
    "|".join([*map(re.escape, (*HOSTS, *OPTIONS, *_machine())), *(rf"(?<![\w.}}\]-]){each}" for each in FOLDERS)])
)


def test_no_kept_file_names_an_index_or_a_folder_of_one_machine() -> None:
    found: list[str] = []
    for path in kept_files():
        text = path.read_bytes().decode("utf-8", errors="replace")
        found += [
            f"{shown(path)}:{number}: {hit.group()}"
            for number, line in enumerate(text.splitlines(), start=1)
            if (hit := PATTERN.search(line))
        ]
    assert not found, "\n".join(found)


def test_the_search_would_find_what_it_looks_for() -> None:
    for text in ("see " + HOSTS[0], OPTIONS[0] + " x", "cd " + FOLDERS[0] + "tree"):
        assert PATTERN.search(text), text
    for text in ("examples/work/order.py", "a /workshop/ folder", "docs/root/"):
        assert not PATTERN.search(text), text
