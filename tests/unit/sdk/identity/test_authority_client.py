"""The join over HTTPS, against a server that answers as it likes: what is believed, and what never is."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from crossply.errors import Unavailable
from crossply.identity.authority import Authority, Refused
from crossply.identity.issued import IssuedFault
from tests.unit.registry.authority.standing import prepared

GOOD = (
    b'{"identity":"i","instance":"k","certificate":"c","trust":"t","credential":"YQ==","not_after":7,"registry":"",'
    b'"later":"a field of another version"}'
)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared(tmp_path_factory.mktemp("client") / "mesh")


class Answering(asyncio.Protocol):
    """Gives its answer to whatever is asked; None is silence."""

    def __init__(self, answer: bytes | None) -> None:
        self._answer = answer
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._answer is not None:
            self._transport.write(self._answer)
            self._transport.close()


@asynccontextmanager
async def serving(out: Path, answer: bytes, name: str = "authority", newest: int = 3) -> AsyncGenerator[Authority]:
    """Serve one fixed answer with one of the mesh's certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if newest == 2:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(out / name / "tls.pem", out / name / "tls.key")

    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Answering(answer), "127.0.0.1", 0, ssl=context)
    port: int = server.sockets[0].getsockname()[1]
    async with server:
        yield Authority(f"https://127.0.0.1:{port}", out / "authority" / "ca.pem", "mesh.local", "default")


def http(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%s" % (status, len(body), body)


async def test_an_answer_of_the_authority_is_read(out: Path) -> None:
    async with serving(out, http(200, GOOD)) as authority:
        issued = await authority.join({"identity": "i", "sign_key": b"raw"}, 5.0)
    assert (issued.identity, issued.credential, issued.not_after) == ("i", b"a", 7.0)


async def test_a_refusal_is_told_in_the_authoritys_words(out: Path) -> None:
    async with serving(out, http(403, b'{"detail":"token x is for web"}')) as authority:
        with pytest.raises(Refused, match="token x is for web"):
            await authority.join({}, 5.0)


@pytest.mark.parametrize(
    "answer",
    [
        http(503, b'{"detail":"authority is starting"}'),
        http(302, b""),
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"SSH-2.0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2_000_000,
    ],
)
async def test_whatever_else_is_answered_is_no_answer(out: Path, answer: bytes) -> None:
    async with serving(out, answer) as authority:
        with pytest.raises(Unavailable):
            await authority.join({}, 5.0)


async def test_what_does_not_decode_is_not_believed(out: Path) -> None:
    async with serving(out, http(200, b"{}")) as authority:
        with pytest.raises(IssuedFault):
            await authority.join({}, 5.0)


async def test_another_process_of_the_mesh_is_not_taken_for_the_authority(out: Path) -> None:
    async with serving(out, http(200, GOOD), name="broker") as authority:
        with pytest.raises(Unavailable, match="is not that of spiffe"):
            await authority.join({}, 5.0)


async def test_tls_1_2_is_not_spoken(out: Path) -> None:
    async with serving(out, http(200, GOOD), newest=2) as authority:
        with pytest.raises(Unavailable):
            await authority.join({}, 5.0)


async def test_an_authority_of_another_root_is_sent_nothing(out: Path, tmp_path: Path) -> None:
    other = prepared(tmp_path / "other")
    async with serving(other, http(200, GOOD)) as authority:
        ours = Authority(authority.url, out / "authority" / "ca.pem", "mesh.local", "default")
        with pytest.raises(Unavailable, match="certificate verify failed"):
            await ours.join({}, 5.0)


async def test_an_authority_that_is_silent_is_waited_for_no_longer_than_said(out: Path) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Answering(None), "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    async with server:
        authority = Authority(f"https://127.0.0.1:{port}", out / "authority" / "ca.pem", "mesh.local", "default")
        with pytest.raises(Unavailable):
            await authority.join({}, 0.05)
