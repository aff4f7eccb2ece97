"""`crossply up`: a mesh on this machine that starts, says what is, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from crossply_cli.exit_codes import ExitCode
from crossply_cli.up.ports import is_free
from tests.architecture.tree import ROOT
from tests.support.running_up import RunningUp, crossply, descendants, environ, running

PORTS = (4222, 8700, 8701, 8600)


def gone(pids: list[int], within: float) -> bool:
    until = time.monotonic() + within
    while running(pids):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def ports(where: dict[str, Any]) -> dict[str, int]:
    addresses = {"broker": where["nats"][0]} | {part: where[part] for part in ("authority", "registry", "gateway")}
    return {part: int(address.rpartition(":")[2]) for part, address in addresses.items()}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_it_stops_within_five_seconds_and_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    with RunningUp(tmp_path) as up:
        where = up.ready()
        children = up.children()
        assert len(children) >= 4
        assert oct((up.data / "mesh.json").stat().st_mode & 0o777) == "0o600"
        assert where["pid"] == up.process.pid
        began = time.monotonic()
        up.stop(number)
        assert time.monotonic() - began < 5.0
        assert gone(children, 0.5)
        assert not (up.data / "mesh.json").exists()


def test_a_second_one_on_the_same_directory_says_that_one_is_running(tmp_path: Path) -> None:
    with RunningUp(tmp_path) as up:
        up.ready()
        second = crossply(tmp_path, "up")
        assert second.returncode == ExitCode.ALREADY_RUNNING
        assert f"process {up.process.pid} holds it" in second.stderr
        assert up.ready()["registry"] in second.stderr
        assert up.process.poll() is None


def test_a_port_that_is_taken_is_said_and_the_next_one_used(tmp_path: Path) -> None:
    taken: list[socket.socket] = []
    for port in PORTS:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(("127.0.0.1", port))
            listening.listen()
        except OSError:
            pass  # somebody else has it, which is as good
        taken.append(listening)
    try:
        with RunningUp(tmp_path) as up:
            where = up.ready()
            assert set(ports(where).values()).isdisjoint(PORTS)
            said = up.out + up.err
            assert all(f"port {port} is taken" in said for port in PORTS)
    finally:
        for listening in taken:
            listening.close()


def test_two_that_start_at_once_have_each_its_own_parts(tmp_path: Path) -> None:
    with RunningUp(tmp_path / "a") as one, RunningUp(tmp_path / "b") as other:
        found = [running.ready() for running in (one, other)]
        for part in ("nats", "authority", "registry", "gateway"):
            assert found[0][part] != found[1][part]
        assert "ended with code" not in one.err + other.err


def test_it_recovers_a_directory_that_a_crash_left_and_services_that_outlived_it(tmp_path: Path) -> None:
    with contextlib.ExitStack() as later:
        with RunningUp(tmp_path) as up:
            up.ready()
            later.enter_context(hello(tmp_path))
            greeted(tmp_path)
            children = up.children()
            os.kill(up.process.pid, signal.SIGKILL)
            up.process.wait()
            assert gone(children, 5.0)
            assert (up.data / "mesh.json").exists()
        with RunningUp(tmp_path) as up:
            up.ready()
            greeted(tmp_path)
            assert crossply(tmp_path, "check").returncode == ExitCode.OK


def test_a_mesh_that_crashed_comes_back_on_the_ports_it_had(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # somebody else has it, which is as good
            taken.bind(("127.0.0.1", 4222))
            taken.listen()
        with RunningUp(tmp_path) as up:
            before = up.ready()
            assert not before["nats"][0].endswith(":4222")
            children = up.children()
            os.kill(up.process.pid, signal.SIGKILL)
            up.process.wait()
            assert gone(children, 5.0)
    # Another mesh that starts on this machine just now may be faster to take a port.
    free = [part for part, port in ports(before).items() if is_free(port)]
    with RunningUp(tmp_path) as up:
        after = up.ready()
        assert [ports(after)[part] for part in free] == [ports(before)[part] for part in free]


def test_a_child_that_dies_is_started_again_and_said(tmp_path: Path) -> None:
    with RunningUp(tmp_path) as up:
        up.ready()
        registry = next(pid for pid in up.children() if "registry" in cmdline(pid))
        os.kill(registry, signal.SIGKILL)
        until = time.monotonic() + 15.0
        while (
            crossply(tmp_path, "check").returncode != ExitCode.OK or "registry" not in up.err.rpartition("gateway")[2]
        ):
            assert time.monotonic() < until, up.out + up.err
            time.sleep(0.2)
        assert running([registry]) == []


def test_a_first_service_beside_it_needs_no_configuration(tmp_path: Path) -> None:
    with RunningUp(tmp_path) as up:
        up.ready()
        below = tmp_path / "hello"
        below.mkdir()
        with hello(below) as process:
            greeted(below)
            assert "hello" in crossply(below, "services").stdout
            process.terminate()
            assert process.wait(10) == 0


@contextlib.contextmanager
def hello(folder: Path) -> Generator[subprocess.Popen[bytes]]:
    """The smallest service, started in a folder as a user would."""
    process = subprocess.Popen([sys.executable, str(ROOT / "examples" / "hello.py")], cwd=folder, env=environ())
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def greeted(folder: Path) -> None:
    """Call it, until it is there and answers."""
    until = time.monotonic() + 15.0
    while True:
        called = crossply(folder, "call", "hello.greet", "-d", '{"name": "Ada"}')
        if called.returncode == ExitCode.OK:
            break
        assert time.monotonic() < until, called.stderr
    assert called.stdout.strip() == '"Hello, Ada!"'


def cmdline(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def test_the_processes_below_another_are_found() -> None:
    assert os.getpid() in descendants(os.getppid())
