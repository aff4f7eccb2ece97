"""Setting up: which Python is taken, and what of the user's environment reaches pip."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.setup import SetupFailed, environment, newest


def _python(folder: Path, name: str, words: str, code: int = 0) -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho {words}\nexit {code}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_the_first_python_that_will_do_is_taken(tmp_path: Path) -> None:
    old = _python(tmp_path, "old", "3 10")
    bare = _python(tmp_path, "bare", "3 13", code=1)
    good = _python(tmp_path, "good", "3 12")
    other = _python(tmp_path, "other", "3 11")
    assert newest([str(tmp_path / "absent"), old, bare, good, other]) == good


def test_without_a_usable_python_each_candidate_is_told_with_its_lack(tmp_path: Path) -> None:
    candidates = [
        str(tmp_path / "absent"),
        _python(tmp_path, "old", "3 10"),
        _python(tmp_path, "new", "3 14"),
        _python(tmp_path, "bare", "3 13", code=1),
        _python(tmp_path, "broken", "", code=127),
    ]
    with pytest.raises(SetupFailed) as caught:
        newest(candidates)
    for words in ("absent: not found", "old: is Python 3.10", "new: is Python 3.14", "bare: lacks ensurepip",
                  "broken: does not run", "needs 3.11 to 3.13", "python3-venv"):  # fmt: skip
        assert words in str(caught.value)


def test_pip_is_told_how_to_reach_an_index_but_not_where_to_install() -> None:
    outer = {
        "HOME": "/home/u", "PYTHONPATH": "/x", "PIP_TARGET": "/x", "PIP_REQUIRE_HASHES": "1",
        "PIP_CONSTRAINT": "/x", "PIP_USER": "1", "PIP_CERT": "/c", "PIP_INDEX_URL": "http://localhost/simple",
    }  # fmt: skip
    assert environment(outer) == {
        "HOME": "/home/u", "PIP_CERT": "/c", "PIP_INDEX_URL": "http://localhost/simple", "PIP_USER": "0",
        "PIP_REQUIRE_VIRTUALENV": "0",
    }  # fmt: skip
