"""The registry's HTTP API, as commands use it: answers as plain data, refusals as failures."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode, urlsplit

import httpx
import msgspec
from msgspec import Struct

from crossply_cli.exit_codes import ExitCode
from crossply_cli.failure import Failure

if TYPE_CHECKING:
    from crossply_policy.documents import Document

_TIMEOUT: Final = 5.0
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_CODES: Final = {
    401: ExitCode.DENIED,
    403: ExitCode.DENIED,
    412: ExitCode.CONFLICT,
    422: ExitCode.INVALID,
    503: ExitCode.UNREACHABLE,
}


@dataclass(frozen=True, slots=True)
class Written:
    """What a write did: the document's revision before (None: there was none) and after."""

    before: int | None
    after: int
    changed: bool


class _Fault(Struct):
    path: str = ""
    detail: str = ""


class _Problem(Struct):
    """What commands use of the registry's problem details."""

    detail: str
    errors: list[_Fault] = []


class RegistryApi:
    """Asks one registry; every method raises Failure when it refuses or does not answer."""

    def __init__(self, client: httpx.AsyncClient, base: str, hint: str = "") -> None:
        self._client = client
        self._base = base
        self._hint = hint

    async def services(self) -> list[dict[str, Any]]:
        """Return a summary of every service."""
        found: list[dict[str, Any]] = (await self._get("/v1/services", "the services"))["services"]
        return found

    async def service(self, name: str) -> dict[str, Any]:
        """Return one service with its instances."""
        return await self._get(f"/v1/services/{quote(name, safe='')}", f"service {name}")

    async def status(self) -> dict[str, Any]:
        """Return the revision in force and how far each data plane is."""
        return await self._get("/v1/status", "the status")

    async def stat(self, window: float) -> dict[str, Any]:
        """Return what happened on every edge in the last seconds."""
        return await self._get(f"/v1/stat?window={window:g}", "the edges")

    async def traces(self, last: int) -> list[dict[str, Any]]:
        """Return the traces that began last, the newest first."""
        found: list[dict[str, Any]] = (await self._get(f"/v1/traces?last={last}", "the traces"))["traces"]
        return found

    async def trace(self, trace_id: str) -> dict[str, Any]:
        """Return one trace."""
        return await self._get(f"/v1/traces/{quote(trace_id, safe='')}", f"trace {trace_id}")

    async def audit(self, **asked: Any) -> dict[str, Any]:
        """Return the last decisions, or those after a place."""
        return await self._get(f"/v1/audit?{urlencode(asked)}", "the audit stream")

    async def documents(self) -> list[dict[str, Any]]:
        """Return a summary of every document."""
        found: list[dict[str, Any]] = (await self._get("/v1/documents", "the documents"))["documents"]
        return found

    async def document(self, kind: str, name: str) -> dict[str, Any]:
        """Return one document in force."""
        return await self._get(_document_path(kind, name), f"document {kind}/{name}")

    async def explain(self, **asked: str) -> dict[str, Any]:
        """Return what holds for a caller's calls to an operation."""
        return await self._get(f"/v1/explain?{urlencode(asked)}", "what holds")

    async def warnings(self) -> list[dict[str, str]]:
        """Return the warnings about the documents in force."""
        found: list[dict[str, str]] = (await self._get("/v1/warnings", "the warnings"))["warnings"]
        return found

    async def diff(self, documents: list[dict[str, object]]) -> dict[str, Any]:
        """Return what writing documents would change, and the warnings about them then."""
        answer = await self._send("POST", "/v1/diff", json={"documents": documents})
        _raise_for(answer, "comparing", "the documents")
        value: dict[str, Any] = answer.json()
        return value

    async def write(self, document: Document, plain: Mapping[str, Any], reason: str) -> Written:
        """Create the document or change it, whichever it needs; another's change in between is a conflict."""
        path = _document_path(document.kind, document.name)
        known = await self._send("GET", path)
        before: int | None = None
        if known.status_code == HTTPStatus.NOT_FOUND:
            condition = {"If-None-Match": "*"}
        else:
            _raise_for(known, "reading", f"document {document.key}")
            condition = {"If-Match": known.headers["ETag"]}
            before = known.json()["revision"]
        answer = await self._send("PUT", path, json=plain, **_said(condition, reason))
        _raise_for(answer, "writing", f"document {document.key}")
        after: int = answer.json()["revision"]
        return Written(before, after, changed=before != after)

    async def create(self, document: Document, plain: Mapping[str, Any], reason: str) -> bool:
        """Create the document unless there is one of that name; return whether it was created."""
        path = _document_path(document.kind, document.name)
        answer = await self._send("PUT", path, json=plain, **_said({"If-None-Match": "*"}, reason))
        if answer.status_code == HTTPStatus.PRECONDITION_FAILED:
            return False
        _raise_for(answer, "writing", f"document {document.key}")
        return True

    async def delete(self, kind: str, name: str, reason: str) -> Written:
        """Delete the document as it is now; one that is not there is not found, another's change a conflict."""
        path, what = _document_path(kind, name), f"document {kind}/{name}"
        known = await self._send("GET", path)
        _raise_for(known, "reading", what)
        answer = await self._send("DELETE", path, **_said({"If-Match": known.headers["ETag"]}, reason))
        _raise_for(answer, "deleting", what)
        return Written(known.json()["revision"], answer.json()["revision"], changed=True)

    async def _get(self, path: str, what: str) -> dict[str, Any]:
        answer = await self._send("GET", path)
        _raise_for(answer, "reading", what)
        value: dict[str, Any] = answer.json()
        return value

    async def _send(self, method: str, path: str, **settings: Any) -> httpx.Response:
        try:
            return await self._client.request(method, f"{self._base}{path}", timeout=_TIMEOUT, **settings)
        except httpx.HTTPError as error:
            raise Failure(
                f"the registry at {self._base} does not answer",
                why=str(error) or type(error).__name__,
                hint=self._hint,
                code=ExitCode.UNREACHABLE,
            ) from error


def author() -> str:
    """Return who makes a change, for the record: CROSSPLY_AUTHOR, or this machine's word for the user."""
    try:
        return os.environ.get("CROSSPLY_AUTHOR") or f"{getpass.getuser()}@{socket.gethostname()}"
    except (OSError, KeyError, ImportError):  # a container's user may have no name
        return f"{os.getuid()}@{socket.gethostname()}"


def http_client(base: str) -> httpx.AsyncClient:
    """Return a client for that address; a proxy of the environment is for addresses elsewhere only."""
    return httpx.AsyncClient(trust_env=urlsplit(base).hostname not in _LOOPBACK)


def _document_path(kind: str, name: str) -> str:
    return f"/v1/documents/{quote(kind, safe='')}/{quote(name, safe='')}"


def _said(condition: Mapping[str, str], reason: str) -> dict[str, Any]:
    """Return what every write says besides its body: its base, who makes it, and why."""
    headers = {**condition, "Crossply-Author": author().encode()}
    return {"headers": headers, "params": {"reason": reason} if reason else {}}


def _raise_for(answer: httpx.Response, doing: str, what: str) -> None:
    """Raise Failure unless the answer is a success; ``what`` names the thing, as a user would."""
    if answer.is_success:
        return
    if answer.status_code == HTTPStatus.NOT_FOUND and what.startswith(("service ", "document ", "trace ")):
        raise Failure(f"there is no {what}", hint=_absent(what), code=ExitCode.NOT_FOUND)
    try:
        problem = msgspec.json.decode(answer.content, type=_Problem)
    except msgspec.DecodeError:
        problem = _Problem(detail=f"status {answer.status_code}")
    raise Failure(
        f"{doing} {what} failed",
        why=problem.detail,
        details=[f"{each.path or 'document'}: {each.detail}" for each in problem.errors],
        hint=_hint(answer.status_code),
        code=_CODES.get(answer.status_code, ExitCode.FAILED),
    )


def _absent(what: str) -> str:
    listing = {"service": "services", "document": "policy get", "trace": "trace --last 20"}[what.partition(" ")[0]]
    return f"`crossply {listing}` lists those there are"


def _hint(status: int) -> str:
    hints: dict[int, str] = {
        404: "see whether CROSSPLY_REGISTRY_URL is the address of a registry",
        412: "read it again with `crossply policy get`, then apply again",
        503: "try again in a moment; `crossply check` says what is missing",
    }
    return hints.get(status, "")
