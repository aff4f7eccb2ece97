"""``/v1/tokens``: enrolment tokens, made, listed, rotated and revoked by operators."""

from __future__ import annotations

from litestar import Controller, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from crossply_policy import names
from crossply_registry.api.problems import refusals
from crossply_registry.authority.api.bodies import NewTokenBody, RotateRequest, TokenBody, TokenList, TokenRequest
from crossply_registry.authority.authority import Authority
from crossply_registry.authority.identity import Identity
from crossply_registry.authority.refusal import malformed
from crossply_registry.authority.tokens import Token


class TokenApi(Controller):
    """Enrolment tokens."""

    path = "/v1/tokens"
    tags = ("tokens",)

    @get(responses=refusals(401, 503))
    async def ls(self, authority: NamedDependency[Authority], operator: NamedDependency[str]) -> TokenList:  # noqa: ARG002 - asking for it is the check
        """List the tokens; none of them with its secret."""
        return TokenList(tokens=[_body(each) for each in await authority.parts.tokens.all()])

    @post(status_code=201, responses=refusals(400, 401, 403, 409, 503))
    async def create(
        self, data: JSONBody[TokenRequest], authority: NamedDependency[Authority], operator: NamedDependency[str]
    ) -> NewTokenBody:
        """Make a token, bound to one service; its text is shown this once."""
        try:
            service = names.service(data.service)
        except names.NameFault as fault:
            raise malformed(str(fault)) from fault
        parts = authority.parts
        made, text = await parts.tokens.create(service, lifetime=data.lifetime, single_use=data.single_use)
        await _noted(authority, "token created", made, operator)
        return NewTokenBody(id=made.id, service=made.service, token=text)

    @post("/{ident:str}/rotate", status_code=200, responses=refusals(400, 401, 403, 404, 503))
    async def rotate(
        self,
        ident: FromPath[str],
        data: JSONBody[RotateRequest],
        authority: NamedDependency[Authority],
        operator: NamedDependency[str],
    ) -> NewTokenBody:
        """Give a token a new secret; the old one is good for the grace only."""
        made, text = await authority.parts.tokens.rotate(ident, data.grace)
        await _noted(authority, "token rotated", made, operator)
        return NewTokenBody(id=made.id, service=made.service, token=text)

    @delete("/{ident:str}", status_code=200, responses=refusals(401, 404, 503))
    async def revoke(
        self, ident: FromPath[str], authority: NamedDependency[Authority], operator: NamedDependency[str]
    ) -> TokenBody:
        """Revoke a token; what it issued stays valid until it ends, unless the identity is revoked as well."""
        made = await authority.parts.tokens.revoke(ident)
        await _noted(authority, "token revoked", made, operator)
        return _body(made)


async def _noted(authority: Authority, what: str, token: Token, operator: str) -> None:
    parts = authority.parts
    identity = Identity(parts.issuer.trust_domain, authority.tenant, token.service)
    await parts.journal.append(what, identity=str(identity), by=f"operator {operator}", reason=f"token {token.id}")


def _body(token: Token) -> TokenBody:
    return TokenBody(
        id=token.id,
        service=token.service,
        single_use=token.single_use,
        created=token.created,
        expires=token.expires,
        used=token.used,
        revoked=token.revoked,
    )
