"""Where the command `crossply` begins: it says what to install when an extra is missing."""

from __future__ import annotations

import sys
from typing import Final

CONFIG: Final = 64
"""ExitCode.CONFIG; a literal, as whatever could be imported here could be what is missing."""
_OURS: Final = ("crossply", "crossply_policy", "crossply_registry", "crossply_cli", "crossply_bridge")
_EXTRAS: Final = {"litestar": "registry", "uvicorn": "registry", "httptools": "bridge"}
"""Who needs what; all else belongs to the command itself."""


def main() -> None:
    """Run the command line and exit; without its extras exit 64 with the command that installs them."""
    try:
        from crossply_cli.main import run  # noqa: PLC0415 - may be what fails

        code = run(sys.argv[1:])
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in _OURS:
            raise
        extra = _EXTRAS.get(package, "cli")
        sys.stderr.write(f"crossply: {package} is not installed\n  next: pip install 'crossply[{extra}]'\n")
        code = CONFIG
    sys.exit(code)
