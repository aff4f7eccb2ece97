"""The command without what it needs: a line that says what to install, never a traceback."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import pytest

from crossply_cli.exit_codes import ExitCode
from crossply_cli.failure import Failure
from crossply_cli.up import programs

WITHOUT = """
import sys
for name in {missing!r}:
    sys.modules[name] = None
sys.argv[1:] = {arguments!r}
from crossply_cli.entry import main
main()
"""


def crossply_without(missing: Sequence[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    program = WITHOUT.format(missing=list(missing), arguments=list(arguments))
    return subprocess.run([sys.executable, "-Ic", program], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("missing", "arguments"),
    [
        (("click",), ("--help",)),
        (("httpx",), ("services",)),
        (("rich",), ("call", "orders.create")),
        (("ruamel", "ruamel.yaml"), ("policy", "get")),
    ],
)
def test_without_its_extra_the_command_says_what_to_install(
    missing: tuple[str, ...], arguments: tuple[str, ...]
) -> None:
    ended = crossply_without(missing, *arguments)
    assert ended.returncode == ExitCode.CONFIG
    assert ended.stdout == ""
    assert ended.stderr == f"crossply: {missing[0]} is not installed\n  next: pip install 'crossply[cli]'\n"


def test_a_module_of_our_own_that_is_missing_is_a_fault_and_no_hint() -> None:
    ended = crossply_without(["crossply_cli.lazy"], "--help")
    assert "ModuleNotFoundError" in ended.stderr


@pytest.mark.parametrize(("missing", "part"), [("litestar", "registry"), ("httptools", "bridge")])
def test_a_process_without_its_extra_says_what_to_install(missing: str, part: str) -> None:
    ended = crossply_without([missing], part, "serve")
    assert ended.returncode == ExitCode.CONFIG
    assert f"pip install 'crossply[{part}]'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_mesh_on_this_machine_says_at_once_which_part_cannot_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(package: str) -> object:
        return None if package == "httptools" else object()

    monkeypatch.setattr(programs, "find_spec", found)
    with pytest.raises(Failure) as failed:
        programs.check_installed()
    assert failed.value.lines() == [
        "the gateway cannot start: httptools is not installed",
        "  next: pip install 'crossply[dev]'",
    ]
    assert failed.value.code is ExitCode.CONFIG
