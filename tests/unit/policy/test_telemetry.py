"""What a service keeps of what happens: by `Telemetry/mesh`, then by its own document, field by field."""

from __future__ import annotations

import pytest

from crossply_policy.compile import compile_snapshot
from crossply_policy.documents import TelemetryPolicy
from crossply_policy.faults import PolicyInvalid
from crossply_policy.parse import parse
from crossply_policy.snapshot import Snapshot


def compiled(**said: dict[str, object]) -> Snapshot:
    """Return the snapshot of Telemetry documents, by name."""
    documents = [parse({"kind": "Telemetry", "name": name, "spec": spec}) for name, spec in said.items()]
    return compile_snapshot(documents, generation=1, revision=1)


def test_where_nobody_speaks_one_trace_in_a_hundred_is_kept() -> None:
    assert compiled().kept_by("billing") == TelemetryPolicy(sampling=0.01, slow=1.0, log_level=None)
    assert Snapshot().kept_by("billing") == TelemetryPolicy()


def test_a_service_says_it_over_the_mesh_field_by_field() -> None:
    snapshot = compiled(billing={"slow": "250ms"}, mesh={"sampling": 1, "slow": 3, "log_level": "debug"})
    assert snapshot.kept_by("billing") == TelemetryPolicy(sampling=1.0, slow=0.25, log_level="debug")
    assert snapshot.kept_by("orders") == TelemetryPolicy(sampling=1.0, slow=3.0, log_level="debug")


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ({"sampling": 1.5}, "spec.sampling"),
        ({"sampling": "half"}, "spec.sampling"),
        ({"slow": 0}, "spec.slow"),
        ({"log_level": "chatty"}, "spec.log_level"),
        ({"redaction": []}, "spec.redaction: is not available in this version"),
    ],
)
def test_what_means_nothing_is_refused_with_its_path(spec: dict[str, object], fault: str) -> None:
    with pytest.raises(PolicyInvalid, match=fault):
        compiled(billing=spec)
