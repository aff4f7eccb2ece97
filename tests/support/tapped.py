"""Somebody at the broker who hears all that two members say, and says again what it likes; and these two."""

# pyright: reportUnknownMemberType=false
# nats-py leaves parameters of these methods untyped

from __future__ import annotations

import asyncio
from typing import Any, Self

import nats
from nats.aio.msg import Msg

from tests.support.broker import Broker
from tests.support.vouched import VouchedMeshes
from tests.support.waiting import eventually

Heard = tuple[str, str, bytes]


class Tap:
    """Somebody in the account who hears everything, and says again what it likes."""

    def __init__(self, broker: Broker) -> None:
        self._url = broker.url
        self.heard: list[Heard] = []
        self.answers: list[bytes] = []

    async def __aenter__(self) -> Self:
        self._client = await nats.connect(self._url)

        async def hear(message: Msg) -> None:
            self.heard.append((message.subject, message.reply, message.data))

        # Not ">": whoever hears what is asked of the store takes its "no responders" away.
        for subjects_of in ("mesh.rpc.>", "mesh.evt.>", "_INBOX.>"):
            await self._client.subscribe(subjects_of, cb=hear)
        await self._client.flush()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._client.close()

    async def say(self, subject: str, reply: str, data: bytes) -> None:
        await self._client.publish(subject, data, reply=reply)
        await self._client.flush()

    async def request_to(self, begins: str) -> Heard:
        """Return the last message whose subject begins so."""
        return (await eventually(lambda: [each for each in self.heard if each[0].startswith(begins)]))[-1]

    async def answers_to(self, subject: str, number: int) -> list[bytes]:
        """Return the messages on a subject once there are so many."""

        def found() -> list[bytes]:
            return [data for at, _, data in self.heard if at == subject]

        await eventually(lambda: len(found()) >= number)
        return found()


class Scene:
    """Orders and web, who have met, and how often an endpoint of orders ran."""

    def __init__(self, vouched: VouchedMeshes, tap: Tap) -> None:
        self.vouched, self.tap = vouched, tap
        self.orders, self.web = vouched.new("orders"), vouched.new("web")
        self.ran = 0
        self.go_on = asyncio.Event()

        @self.orders.endpoint
        async def pay(number: int) -> int:
            self.ran += 1
            return number

        @self.orders.endpoint
        async def pax(number: int) -> int:
            self.ran += 1
            return number

        @self.orders.endpoint
        async def wait(number: int) -> int:
            await self.go_on.wait()
            return number

    async def captured(self) -> Heard:
        """Have web pay, addressed to an instance; return the message."""
        begins = f"mesh.rpc.orders.i-{self.orders.instance}.pay"
        for number in range(50):
            assert await self.web.call("orders.pay", {"number": number}) == number
            if any(subject == begins for subject, _, _ in self.tap.heard):
                break
        return await self.tap.request_to(begins)

    def reasons(self) -> set[str]:
        return set(self.vouched.reasons("orders"))


async def expect(scene: Scene, reason: str, *message: Any) -> None:
    """Say a message; it is refused for that reason, and nothing runs."""
    ran = scene.ran
    scene.reasons()
    await scene.tap.say(*message)
    found = await eventually(lambda: scene.vouched.reasons("orders"))
    assert (found, scene.ran) == ([reason], ran)
