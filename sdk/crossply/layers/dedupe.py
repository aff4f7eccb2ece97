"""Answer a repeated call with the first one's outcome, wherever that ran."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from crossply.errors import Code, EndpointFailed
from crossply.handler import Facts, Handler, Request, Response, layer

if TYPE_CHECKING:
    from crossply.protection.replies import Replies


@layer
def dedupe(inner: Handler, replies: Replies, facts: Facts) -> Handler:
    """Run ``inner`` once for a key; what it decided is kept before it is told."""

    async def deduping(request: Request) -> Response:
        found = await replies.claim(request)
        if isinstance(found, Response):
            found.facts = facts
            return found
        try:
            response = await inner(request)
        except EndpointFailed as error:
            if error.code is Code.INTERNAL:
                await replies.give_up(found)
            else:
                await replies.keep(found, error)
            raise
        except asyncio.CancelledError:
            raise  # it is being stopped, perhaps for good: the claim is void when the call's deadline has passed
        except BaseException:
            await replies.give_up(found)
            raise
        await replies.keep(found, response)
        return response

    return deduping
