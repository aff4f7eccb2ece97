"""Ids are never given twice: not to two threads, not to a process and its child."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from crossply.names import new_id

EACH, THREADS = 20_000, 8


def test_threads_never_get_the_same_id() -> None:
    def take(_thread: int) -> list[bytes]:
        return [new_id() for _ in range(EACH)]

    with ThreadPoolExecutor(THREADS) as pool:
        taken = [each for ids in pool.map(take, range(THREADS)) for each in ids]
    assert len(set(taken)) == EACH * THREADS
    assert {len(each) for each in taken} == {16}


def test_a_child_process_never_gets_an_id_of_its_parent() -> None:
    new_id()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, b"".join(new_id() for _ in range(100)))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as said:
        theirs = said.read()
    os.waitpid(child, 0)
    ours = {new_id() for _ in range(1000)}
    assert len(theirs) == 1600
    assert not ours & {theirs[at : at + 16] for at in range(0, len(theirs), 16)}
