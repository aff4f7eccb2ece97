"""The smallest service; beside a running `crossply up` it needs no configuration.

python examples/hello.py
crossply call hello.greet -d '{"name": "Ada"}'
"""

from __future__ import annotations

from crossply import Mesh

mesh = Mesh("hello")


@mesh.endpoint(idempotent=True)
async def greet(name: str = "world") -> str:
    return f"Hello, {name}!"


if __name__ == "__main__":
    mesh.run()
