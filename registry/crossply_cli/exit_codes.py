"""What a command's exit code means; docs/cli.md has the same table."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of `crossply`; those above 63 are the ones of sysexits.h."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    DENIED = 4
    CONFLICT = 5
    TIMEOUT = 6
    CHECK_FAILED = 7
    CONFIG = 64
    INVALID = 65
    UNREACHABLE = 69
    ALREADY_RUNNING = 75
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """One line for the table in the docs."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.OK: "it worked",
    ExitCode.FAILED: "it failed: the call returned an error, a process did not start, the demo did not work",
    ExitCode.USAGE: "the command line is wrong: an unknown option, a bad name, a missing file, a body that is not JSON",
    ExitCode.NOT_FOUND: "there is no such service, endpoint or document; what an endpoint itself does not find is 1",
    ExitCode.DENIED: "the caller is not known, or not allowed; the broker refuses certificate or password",
    ExitCode.CONFLICT: "somebody else changed the document meanwhile",
    ExitCode.TIMEOUT: "no answer in time, or nobody there to answer",
    ExitCode.CHECK_FAILED: "a check found a fault, or data planes did not take a policy over in time",
    ExitCode.CONFIG: "the configuration is wrong, and every fault is listed; or an extra is not installed",
    ExitCode.INVALID: "a policy file is wrong; every fault is listed with its file and line",
    ExitCode.UNREACHABLE: "the broker or the registry cannot be reached",
    ExitCode.ALREADY_RUNNING: "a mesh is running from this data directory already",
    ExitCode.INTERRUPTED: "interrupted before it was finished",
}
