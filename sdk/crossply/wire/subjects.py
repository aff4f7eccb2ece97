"""The only place that spells a subject; every subject is built from names that were checked before."""

from __future__ import annotations

HEARTBEATS = "mesh.hb.>"
ANNOUNCEMENTS = "mesh.ctl.*"
"""Everything that the control plane tells all at once."""
HEAD = "mesh.ctl.head"
REVOKED = "mesh.ctl.revoked"
KEYS = "mesh.ctl.keys"
EVENTS = "mesh.evt"
SHARES = "mesh.ctl.shares.*.*"
REPORTS = "mesh.obs.>"
AUDIT = "MESH_AUDIT"
"""The stream of what instances decided."""
AUDITS = "mesh.audit.*.*"
MICRO = "$SRV"
INBOXES = b"_INBOX."
"""How reply subjects begin; whoever has not shown who it is is answered nowhere else: it would use another's power."""
OWN_PERMISSIONS = "$SYS.REQ.USER.INFO"
EVERY_BROKERS_CONNECTIONS = "$SYS.REQ.SERVER.PING.CONNZ"
WHO_CONNECTS = "$SYS.REQ.USER.AUTH"
MAX_LENGTH = 255


def any_instance(service: str, endpoint: str) -> str:
    """Where one instance of ``service`` takes calls to ``endpoint``; listeners join group ``service``."""
    return f"mesh.rpc.{service}.any.{endpoint}"


def one_instance(service: str, instance: str, endpoint: str) -> str:
    """Where that one instance takes calls to ``endpoint``."""
    return f"mesh.rpc.{service}.i-{instance}.{endpoint}"


def any_endpoint(service: str) -> str:
    """Every subject that calls to ``service`` go to, whatever the instance and the endpoint."""
    return f"mesh.rpc.{service}.*.*"


def called(subject: str) -> tuple[str, str | None] | None:
    """Return the operation and the instance, if one is addressed, of a subject that calls go to; None for others."""
    parts = subject.split(".")
    if parts[:2] != ["mesh", "rpc"] or len(parts) != len(("mesh", "rpc", "service", "place", "endpoint")):
        return None
    _, _, service, place, endpoint = parts
    return f"{service}.{endpoint}", place.removeprefix("i-") if place.startswith("i-") else None


def own_instance(service: str, instance: str) -> str:
    """What an instance listens to for calls that address it."""
    return f"mesh.rpc.{service}.i-{instance}.*"


def instance_group(instance: str) -> str:
    """The queue group of one instance, shared by its connections during a hand-over."""
    return f"i-{instance}"


def inbox(service: str, instance: str) -> str:
    """The prefix of an instance's replies; the token after it belongs to one attempt."""
    return f"_INBOX.{service}.{instance}."


def inboxes(service: str) -> str:
    """The prefix of the inboxes of a service, without its last dot: for clients that make their own below it."""
    return f"_INBOX.{service}"


def heartbeat(service: str, instance: str) -> str:
    """Where an instance says hello, beats and says bye."""
    return f"mesh.hb.{service}.{instance}"


def shares(service: str, instance: str) -> str:
    """Where an instance asks for its shares in rates."""
    return f"mesh.ctl.shares.{service}.{instance}"


def heartbeats(service: str) -> str:
    """What a caller of ``service`` listens to."""
    return f"mesh.hb.{service}.*"


def who(service: str) -> str:
    """Where a new caller asks who serves ``service``."""
    return f"mesh.hb.{service}.who"


def report(service: str, instance: str) -> str:
    """Where an instance tells what happened in it."""
    return f"mesh.obs.{service}.{instance}"


def audit(service: str, instance: str) -> str:
    """Where an instance tells what it decided about others."""
    return f"mesh.audit.{service}.{instance}"


def channel(name: str) -> str:
    """Where the events of a channel travel; ``name`` may be a pattern when subscribing."""
    return f"{EVENTS}.{name}"


def stream(family: str) -> str:
    """The stream that keeps the events of a family."""
    return f"MESH_EVT_{family}"


def durable(service: str, pattern: str) -> str:
    """The durable consumer of ``service`` on a channel pattern; unique, as tokens are lower case without ``_``."""
    return f"{service}_{pattern.replace('.', '_').replace('*', 'ANY').replace('>', 'TAIL')}"


def bucket(tenant: str) -> str:
    """The key-value bucket of a tenant's documents, records and head."""
    return f"MESH_{tenant}"


def replies(tenant: str, service: str) -> str:
    """The key-value bucket of what a service of a tenant has replied: its own, as others must not answer for it."""
    return f"MESH_{tenant}_replies_{service}"


def brokers_connections(broker: str) -> str:
    """Where one broker is asked who is connected to it."""
    return f"$SYS.REQ.SERVER.{broker}.CONNZ"


def end_of_connection(broker: str) -> str:
    """Where one broker is told to end a connection."""
    return f"$SYS.REQ.SERVER.{broker}.KICK"


def credentials(tenant: str) -> str:
    """The key-value bucket of a tenant's credentials, by their ids."""
    return f"MESH_{tenant}_credentials"


def callout_group(tenant: str) -> str:
    """The queue group in which one replica of a tenant's authority gets each question of a broker."""
    return f"callout-{tenant}"


def micro(verb: str, *names: str) -> str:
    """A subject of the NATS micro protocol (ADR-32)."""
    return ".".join((MICRO, verb, *names))
