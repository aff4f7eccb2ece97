"""Make the tree's own environment: python3 scripts/setup.py PINS, a hash-pinned requirements file.

With a folder after it, the wheels that PINS names are put there, beside the environment and not into it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST, NEWEST = (3, 11), (3, 13)

# How to reach an index is the user's business; where and what to install is ours.
KEPT = frozenset(
    {
        "PIP_CACHE_DIR",
        "PIP_CERT",
        "PIP_CLIENT_CERT",
        "PIP_CONFIG_FILE",
        "PIP_DEFAULT_TIMEOUT",
        "PIP_EXTRA_INDEX_URL",
        "PIP_FIND_LINKS",
        "PIP_INDEX_URL",
        "PIP_KEYRING_PROVIDER",
        "PIP_NO_CACHE_DIR",
        "PIP_NO_INDEX",
        "PIP_PROXY",
        "PIP_RETRIES",
        "PIP_TIMEOUT",
        "PIP_TRUSTED_HOST",
    }
)


class SetupFailed(Exception):
    """The environment could not be made; the message says what to do next."""


def main(arguments: list[str]) -> int:
    """Make or renew `.venv`, saying on stderr what is done; 0, or 1 after a message."""
    pins, *folder = arguments
    try:
        if folder:
            _put(ROOT / pins, ROOT / folder[0])
        else:
            _make(ROOT / pins)
    except SetupFailed as fault:
        _say(f"failed: {fault}")
        return 1
    return 0


def _make(pins: Path) -> None:
    if not _works(PYTHON):
        interpreter = newest(["python3.13", "python3.12", "python3.11", "python3", sys.executable])
        _say(f"making .venv with {interpreter}")
        _run([interpreter, "-Im", "venv", "--clear", str(VENV)], "the virtual environment could not be made")
    pip = [str(PYTHON), "-Im", "pip", "--disable-pip-version-check", "--no-input", "install"]
    _say("installing the pinned packages into .venv (once; a minute or two)")
    _run([*pip, "--require-hashes", "-r", str(pins)], "the pinned packages could not be installed")
    _say("installing crossply itself")
    project = ["--no-deps", "--no-build-isolation", "-e", str(ROOT)]
    _run([*pip, *project], "the project could not be installed")
    _say("ready")


def _put(pins: Path, folder: Path) -> None:
    _say(f"installing {pins.name} into {folder.relative_to(ROOT)}")
    # Wheels alone: what must be built would bring a build backend that nobody pinned.
    where = ["--no-deps", "--only-binary", ":all:", "--upgrade", "--target", str(folder)]
    pip = [str(PYTHON), "-Im", "pip", "--disable-pip-version-check", "--no-input", "install"]
    _run([*pip, "--require-hashes", *where, "-r", str(pins)], "the pinned packages could not be installed")


def newest(candidates: Iterable[str]) -> str:
    """Return the first of `candidates` that is a supported Python able to make environments.

    Raises SetupFailed, naming what each of them lacks.
    """
    lacking: dict[str, str] = {}
    for candidate in candidates:
        if (why := _unfit(candidate)) is None:
            return candidate
        lacking.setdefault(candidate, why)
    found = "".join(f"\n  {name}: {why}" for name, why in lacking.items())
    bounds = f"{OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}"
    message = f"no usable Python: crossply needs {bounds} with its venv module{found}"
    raise SetupFailed(message + "\n  install one of them (on Debian and Ubuntu: python3 and python3-venv)")


def environment(outer: Mapping[str, str]) -> dict[str, str]:
    """Return `outer` without what would make pip or Python look or install elsewhere."""
    dropped = {"PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"}
    kept = {
        name: value
        for name, value in outer.items()
        if name not in dropped and (not name.startswith("PIP_") or name in KEPT)
    }
    return kept | {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}


def _unfit(candidate: str) -> str | None:
    """Say why `candidate` will not do; None if it will."""
    probe = "import sys; print(*sys.version_info[:2]); import venv, ensurepip"
    try:
        answer = subprocess.run([candidate, "-Ic", probe], capture_output=True, text=True, check=False)
    except OSError:
        return "not found"
    version = tuple(int(part) for part in answer.stdout.split())
    if not version:
        return "does not run"
    if not OLDEST <= version <= NEWEST:
        return f"is Python {version[0]}.{version[1]}"
    return "lacks ensurepip" if answer.returncode else None


def _works(python: Path) -> bool:
    """Whether the environment at hand can install: right version, and pip in place."""
    if not python.exists() or _unfit(str(python)) is not None:
        return False
    return subprocess.run([python, "-Im", "pip", "--version"], capture_output=True, check=False).returncode == 0


def _run(command: list[str], failure: str) -> None:
    """Run `command`, saying each package it gets; SetupFailed with its last words if it fails."""
    said: deque[str] = deque(maxlen=20)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment(os.environ)
    ) as child:
        for line in child.stdout or ():
            said.append(line.rstrip())
            if line.startswith(("Collecting ", "Processing ")):  # from an index, or from a folder of wheels
                _say(f"  {Path(line.split()[1]).name}")
    if child.returncode:
        message = f"{failure}\n" + "\n".join(said)
        raise SetupFailed(message)


def _say(text: str) -> None:
    print(f"setup: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
