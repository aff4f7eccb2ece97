"""Why a command ends without success: what failed, why, what to do next, and the exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply_cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence


class Failure(Exception):
    """Ends a command; `main` prints it on stderr and exits with `code`."""

    def __init__(
        self,
        what: str,
        *,
        why: str = "",
        hint: str = "",
        details: Sequence[str] = (),
        code: ExitCode = ExitCode.FAILED,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.hint = hint
        self.details = tuple(details)
        self.code = code

    def lines(self) -> list[str]:
        """Return what a user reads: the failure with its reason, the details, the next step."""
        first = f"{self.what}: {self.why}" if self.why else self.what
        hints = [f"  next: {self.hint}"] if self.hint else []
        return [first, *(f"  {detail}" for detail in self.details), *hints]
