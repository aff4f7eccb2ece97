"""``/v1/identities``: who holds what, certificates for clients without the SDK, and revocation."""

from __future__ import annotations

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from crossply_registry.api.problems import refusals
from crossply_registry.authority.api.bodies import (
    ForeignBody,
    ForeignRequest,
    HolderBody,
    HolderList,
    ReasonRequest,
    VerdictBody,
)
from crossply_registry.authority.authority import Authority
from crossply_registry.authority.certificates import expires, pem
from crossply_registry.authority.holders import holders
from crossply_registry.authority.identity import Identity
from crossply_registry.authority.issuer import new_serial
from crossply_registry.authority.refusal import forbidden
from crossply_registry.authority.signing_request import read_request


class IdentityApi(Controller):
    """Identities."""

    path = "/v1/identities"
    tags = ("identities",)

    @get(responses=refusals(401, 503))
    async def ls(self, authority: NamedDependency[Authority], operator: NamedDependency[str]) -> HolderList:  # noqa: ARG002 - asking for it is the check
        """List the identities that hold a certificate which has not ended, and those that are revoked."""
        parts = authority.parts
        verdicts = await parts.revocations.refresh()
        found = await holders(parts.journal, verdicts, authority.now())
        return HolderList(
            identities=[
                HolderBody(
                    identity=each.identity,
                    service=each.identity.rpartition("/")[2],
                    certificates=each.certificates,
                    instances=len(each.instances),
                    until=each.until,
                    revoked=each.verdict.barred,
                    reason=each.verdict.reason,
                )
                for each in found
            ]
        )

    @post("/foreign", status_code=201, responses=refusals(400, 401, 403, 503))
    async def issue(
        self, data: JSONBody[ForeignRequest], authority: NamedDependency[Authority], operator: NamedDependency[str]
    ) -> ForeignBody:
        """Issue a certificate, without a credential, for a client that speaks NATS and nothing more."""
        parts, now = authority.parts, authority.now()
        identity = _named(authority, data.service)
        if (await parts.revocations.refresh()).get(str(identity)) and parts.revocations.verdict(str(identity)).barred:
            raise forbidden(f"{identity} is revoked")
        key, _ = read_request(data.request, identity)
        serial, void = new_serial(), parts.revocations.void_until(str(identity))
        made = parts.issuer.certify(identity, key, serial=serial, now=now, lifetime=data.lifetime, after=void)
        await parts.journal.append(
            "issued",
            identity=str(identity),
            serial=serial,
            not_after=int(expires(made)),
            by=f"operator {operator}",
            reason="foreign",
        )
        chain = pem(made, parts.issuer.certificate).decode()
        return ForeignBody(
            identity=str(identity), certificate=chain, trust=pem(parts.issuer.root).decode(), not_after=expires(made)
        )

    @post("/{service:str}/revoke", status_code=200, responses=refusals(400, 401, 403, 409, 503))
    async def revoke(
        self,
        service: FromPath[str],
        data: JSONBody[ReasonRequest],
        authority: NamedDependency[Authority],
        operator: NamedDependency[str],
    ) -> VerdictBody:
        """Revoke an identity: nothing more is issued to it."""
        identity = str(_named(authority, service))
        await authority.parts.revocations.bar(identity, data.reason)
        return await _noted(authority, "revoked", identity, operator, data.reason)

    @post("/{service:str}/rotate", status_code=200, responses=refusals(400, 401, 403, 409, 503))
    async def rotate(
        self,
        service: FromPath[str],
        data: JSONBody[ReasonRequest],
        authority: NamedDependency[Authority],
        operator: NamedDependency[str],
    ) -> VerdictBody:
        """Void what an identity was issued so far; its processes join anew."""
        identity = str(_named(authority, service))
        await authority.parts.revocations.void(identity, data.reason)
        return await _noted(authority, "rotated", identity, operator, data.reason)

    @post("/{service:str}/restore", status_code=200, responses=refusals(400, 401, 403, 404, 503))
    async def restore(
        self,
        service: FromPath[str],
        data: JSONBody[ReasonRequest],
        authority: NamedDependency[Authority],
        operator: NamedDependency[str],
    ) -> VerdictBody:
        """Let a revoked identity join again."""
        identity = str(_named(authority, service))
        await authority.parts.revocations.restore(identity)
        return await _noted(authority, "restored", identity, operator, data.reason)


def _named(authority: Authority, service: str) -> Identity:
    """Return the identity of a service of this tenant; raise Refused as a join would."""
    text = f"spiffe://{authority.parts.issuer.trust_domain}/t/{authority.tenant}/svc/{service}"
    return authority.parts.joining.identity(text)


async def _noted(authority: Authority, what: str, identity: str, operator: str, reason: str) -> VerdictBody:
    parts = authority.parts
    await parts.effect.spread()
    await parts.journal.append(what, identity=identity, by=f"operator {operator}", reason=reason)
    if what != "restored":
        # Whoever lost the right to these keys has them still.
        await parts.keys.replace(identity.rpartition("/")[2])
    return VerdictBody(identity=identity, revoked=parts.revocations.verdict(identity).barred)
