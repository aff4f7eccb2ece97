"""A service is in the mesh while its application is well."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from crossply.errors import Unavailable
from crossply_bridge.app_reply import AppReply
from crossply_bridge.health import DEFAULT_PATH, Health, HealthWatch, http_probe
from tests.unit.bridge.fakes import ManualClock, ScriptedApplication, until


class Membership:
    """Counts comings and goings; refuses as often as told."""

    def __init__(self, refusals: int = 0) -> None:
        self.said: list[str] = []
        self._refusals = refusals

    async def rejoin(self) -> None:
        self._say("rejoin")

    async def withdraw(self) -> None:
        self._say("withdraw")

    def _say(self, what: str) -> None:
        if self._refusals:
            self._refusals -= 1
            raise Unavailable("broker is gone")
        self.said.append(what)


class Probes:
    """Probes with the outcomes of a script: ``+`` alive, ``-`` dead; the last one is repeated."""

    def __init__(self, script: str) -> None:
        self._script = list(script)
        self.asked = 0

    async def __call__(self) -> str | None:
        self.asked += 1
        outcome = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        return None if outcome == "+" else "it is ill"


@pytest.mark.parametrize(
    ("probes", "healthy"),
    [
        ("+", [True]),
        ("-+", [False, True]),
        ("+-+", [True, True, True]),
        ("+--+", [True, True, False, True]),
        ("+-+-+-", [True] * 6),
        ("+---", [True, True, False, False]),
        ("---+-", [False, False, False, True, True]),
    ],
)
def test_two_failures_make_ill_and_one_success_makes_well(probes: str, healthy: list[bool]) -> None:
    health = Health()
    assert [health.observe(alive=probe == "+") for probe in probes] == healthy


async def watched(script: str, refusals: int = 0) -> list[str]:
    membership = Membership(refusals)
    watch = HealthWatch(Probes(script), membership, interval=1.0, health=Health(healthy=True), joined=True)
    for _ in script:
        await watch.step()
    return membership.said


async def test_an_ill_application_leaves_and_a_well_one_comes_back() -> None:
    assert await watched("+--+") == ["withdraw", "rejoin"]
    assert await watched("+-+-+") == []
    assert await watched("------") == ["withdraw"]


async def test_the_log_says_what_happens_and_overwrites_no_bound_name() -> None:
    with capture_logs() as logs:
        await watched("+--+")
    assert [(log["event"], log["next"]) for log in logs] == [
        ("application_unhealthy", "leaves the mesh"),
        ("application_healthy", "joins the mesh"),
    ]
    assert not [log for log in logs if "service" in log]


async def test_a_change_the_mesh_refused_is_tried_again() -> None:
    assert await watched("---", refusals=1) == ["withdraw"]
    assert await watched("--++", refusals=2) == []


async def test_nothing_joins_before_the_first_success() -> None:
    membership = Membership()
    probes = Probes("---+")
    watch = HealthWatch(probes, membership, interval=0.001)
    await watch.until_healthy()
    assert probes.asked == 4
    assert not watch.joined
    assert membership.said == []


async def test_the_watch_goes_on_until_it_is_closed() -> None:
    membership = Membership()
    watch = HealthWatch(Probes("+--+--+"), membership, interval=0.001)
    await watch.until_healthy()
    watch.start()
    assert watch.joined
    await until(lambda: membership.said == ["withdraw", "rejoin", "withdraw", "rejoin"])
    await watch.aclose()
    await watch.aclose()


@pytest.mark.parametrize(
    ("status", "path", "alive"),
    [
        (200, "/healthz", True),
        (204, "/healthz", True),
        (302, "/healthz", True),
        (404, "/healthz", True),
        (404, "/ready", False),
        (400, "/healthz", False),
        (401, "/ready", False),
        (500, "/healthz", False),
        (503, "/ready", False),
    ],
)
async def test_the_status_says_whether_the_application_is_alive(status: int, path: str, alive: bool) -> None:
    application = ScriptedApplication(AppReply(status))
    reason = await http_probe(application, path, 0.5, ManualClock(10.0))()
    assert (reason is None) is alive
    (request,) = application.requests
    assert (request.method, request.path) == ("GET", path)
    assert application.deadlines == [10.5]
    assert DEFAULT_PATH == "/healthz"


async def test_an_application_that_cannot_be_reached_is_dead() -> None:
    application = ScriptedApplication(Unavailable("nobody there"))
    assert await http_probe(application, "/healthz", 0.5, ManualClock())() == "nobody there"
