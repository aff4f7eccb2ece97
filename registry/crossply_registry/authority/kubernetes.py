"""Joining with a Kubernetes service-account token: the API server says whose it is (TokenReview v1)."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import httpx
import msgspec

from crossply.wire.link import StoreUnavailable
from crossply_policy import names
from crossply_registry.authority.refusal import forbidden, unknown

REVIEWS: Final = "/apis/authentication.k8s.io/v1/tokenreviews"
_POD: Final = "authentication.kubernetes.io/pod-name"
_POD_UID: Final = "authentication.kubernetes.io/pod-uid"
_ACCOUNT: Final = "system:serviceaccount:"
_WITHIN: Final = 5.0


class ClusterConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The cluster whose tokens are taken; `accounts` maps `namespace/service account` to a service."""

    accounts: dict[str, str]
    server: str = "https://kubernetes.default.svc"
    audience: str = "crossply-authority"
    ca: str = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"
    token: str = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105 - where it lies, not what it is


@dataclass(frozen=True, slots=True)
class Reviewed:
    """Whose a token is."""

    account: str
    pod: str
    pod_uid: str
    service: str


class Reviewer(Protocol):
    """Says whose a service-account token is; raises Refused, or StoreUnavailable when nobody can say."""

    async def review(self, token: str) -> Reviewed:
        """Return whose it is."""
        ...


class _User(msgspec.Struct):
    username: str = ""
    extra: dict[str, list[str]] = {}


class _Status(msgspec.Struct):
    authenticated: bool = False
    audiences: list[str] = []
    user: _User = msgspec.field(default_factory=_User)
    error: str = ""


class _Review(msgspec.Struct):
    status: _Status = msgspec.field(default_factory=_Status)


class ApiServer:
    """The API server of a cluster, asked over TLS with the authority's own service account."""

    def __init__(self, config: ClusterConfig, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._config = config
        self._client = httpx.AsyncClient(
            base_url=config.server,
            timeout=_WITHIN,
            transport=transport,
            trust_env=False,
            verify=_trusting(config.ca) if transport is None else False,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def review(self, token: str) -> Reviewed:
        """Ask whose a token is: signature, expiry and pod are the API server's to check, the audience is ours too."""
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [self._config.audience]},
        }
        status = await self._ask(body)
        if not status.authenticated:
            raise unknown(
                f"kubernetes: the API server refuses the token: {ascii(status.error or 'not authenticated')[:200]}"
            )
        if self._config.audience not in status.audiences:
            raise unknown(f"kubernetes: the token is not for the audience {self._config.audience}")
        return self._reviewed(status.user)

    def _reviewed(self, user: _User) -> Reviewed:
        if not user.username.startswith(_ACCOUNT):
            raise unknown("kubernetes: the token is not a service account's")
        account = user.username.removeprefix(_ACCOUNT).replace(":", "/")
        pod, uid = _first(user.extra, _POD), _first(user.extra, _POD_UID)
        if not pod or not uid:
            raise unknown("kubernetes: the token is bound to no pod; use a projected service-account token")
        service = self._config.accounts.get(account)
        if service is None:
            raise forbidden(f"kubernetes: no service is mapped to the service account {ascii(account)[:200]}")
        return Reviewed(account, pod, uid, service)

    async def _ask(self, body: Mapping[str, Any]) -> _Status:
        try:
            # Read each time: the file is rotated under us.
            own = Path(self._config.token).read_text(encoding="ascii").strip()  # noqa: ASYNC240 - one small local file
            answer = await self._client.post(REVIEWS, json=body, headers={"Authorization": f"Bearer {own}"})
            answer.raise_for_status()
            return msgspec.json.decode(answer.content, type=_Review).status
        except (OSError, httpx.HTTPError, msgspec.DecodeError) as error:
            raise StoreUnavailable(f"kubernetes: the API server did not review the token: {error}") from error


def read_cluster(path: Path) -> ClusterConfig:
    """Return the configuration in a JSON file; raise ValueError with what is wrong."""
    try:
        config = msgspec.json.decode(path.read_bytes(), type=ClusterConfig)
    except (OSError, msgspec.DecodeError) as error:
        raise ValueError(f"{path}: {error}") from error
    for account, service in config.accounts.items():
        if account.count("/") != 1:
            raise ValueError(f"{path}: {account!r} is not namespace/service-account")
        names.service(service)
    if not config.server.startswith("https://"):
        raise ValueError(f"{path}: server must begin with https://, as tokens are sent there")
    return config


def _trusting(ca: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca)


def _first(extra: Mapping[str, list[str]], name: str) -> str:
    found = extra.get(name) or [""]
    return found[0]
