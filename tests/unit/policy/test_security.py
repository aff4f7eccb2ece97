"""How messages are protected: by `Security/mesh`, then by the service's own document, field by field."""

from __future__ import annotations

import pytest

from crossply_policy.compile import compile_snapshot
from crossply_policy.explain import explain_security
from crossply_policy.faults import PolicyInvalid
from crossply_policy.lint import lint
from crossply_policy.parse import parse
from crossply_policy.security import SecurityPolicy
from crossply_policy.snapshot import Snapshot
from crossply_registry.revisions.contents import concerns


def compiled(**said: dict[str, object]) -> Snapshot:
    """Return the snapshot of Security documents, by name."""
    documents = [parse({"kind": "Security", "name": name, "spec": spec}) for name, spec in said.items()]
    return compile_snapshot(documents, generation=1, revision=1)


def test_where_nobody_speaks_the_identity_of_the_process_decides() -> None:
    assert compiled().security.service("orders") == SecurityPolicy(encryption=None, replay="bounded")
    assert Snapshot().security.service("orders") == SecurityPolicy()


def test_a_service_says_it_over_the_mesh_field_by_field() -> None:
    security = compiled(orders={"replay": "strict"}, mesh={"encryption": "permissive"}).security
    assert security.service("orders") == SecurityPolicy(encryption="permissive", replay="strict")
    assert security.service("billing") == SecurityPolicy(encryption="permissive", replay="bounded")


def test_how_long_keys_and_credentials_last_is_said_likewise() -> None:
    security = compiled(mesh={"key_epoch": "6h", "credential_lifetime": "12h"}, orders={"key_epoch": "1h"}).security
    assert security.service("orders") == SecurityPolicy(key_epoch=3600.0, credential_lifetime=43_200.0)
    assert security.service("billing") == SecurityPolicy(key_epoch=21_600.0, credential_lifetime=43_200.0)


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ({"encryption": "on"}, "spec.encryption: must be strict, permissive or off, not the text 'on'"),
        ({"encryption": True}, "spec.encryption"),
        ({"replay": "off"}, "spec.replay: must be bounded or strict"),
        ({"epoch": "24h"}, "spec.epoch: is not a field; did you mean key_epoch"),
        ({"key_epoch": "59s"}, "spec.key_epoch: must be at least 60s, not 59"),
        ({"key_epoch": "169h"}, "spec.key_epoch: must be at most 604800s"),
        ({"key_epoch": "1d"}, "spec.key_epoch: must be a duration such as"),
        ({"credential_lifetime": 10}, "spec.credential_lifetime: must be at least 60s, not 10"),
        ({"credential_lifetime": "25h"}, "spec.credential_lifetime: must be at most 86400s"),
    ],
)
def test_what_means_nothing_is_refused_with_its_path(spec: dict[str, object], fault: str) -> None:
    with pytest.raises(PolicyInvalid, match=fault):
        compiled(orders=spec)


def test_it_is_not_said_in_the_floor_of_all_services() -> None:
    with pytest.raises(PolicyInvalid, match="encryption: is said in a Security document; move it to Security/mesh"):
        parse({"kind": "Defaults", "name": "mesh", "spec": {"encryption": "off"}})


@pytest.mark.parametrize(("said", "doubtful"), [("strict", False), ("permissive", True), ("off", True)])
def test_what_may_travel_unsealed_is_warned_of(said: str, doubtful: bool) -> None:
    found = lint([parse({"kind": "Security", "name": "orders", "spec": {"encryption": said}})])
    assert [(one.code, one.document, one.path) for one in found] == [
        ("CP201", "Security/orders", "spec.encryption")
    ] * doubtful


def test_what_protects_one_service_concerns_it_and_what_protects_all_everyone() -> None:
    one = parse({"kind": "Security", "name": "orders", "spec": {"replay": "strict"}})
    every = parse({"kind": "Security", "name": "mesh", "spec": {"replay": "strict"}})
    assert (concerns(one), concerns(every)) == (("orders",), ("*",))


def test_each_value_is_explained_with_the_document_that_said_it() -> None:
    documents = [
        parse({"kind": "Security", "name": "mesh", "spec": {"encryption": "permissive"}}),
        parse({"kind": "Security", "name": "orders", "spec": {"replay": "strict", "key_epoch": "2h"}}),
    ]
    assert {one.path: (one.value, one.source) for one in explain_security(documents, "orders")} == {
        "encryption": ("permissive", "Security/mesh"),
        "replay": ("strict", "Security/orders"),
        "key_epoch": (7200.0, "Security/orders"),
        "credential_lifetime": (None, "built-in"),
    }
