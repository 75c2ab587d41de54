"""The pump alone: credits, threads, errors, and closing at every moment."""

from __future__ import annotations

import asyncio
import threading

import pytest

from labeldock.contract import ContentRange, ObjectBody, ObjectInfo, Unavailable
from labeldock.web.media.pump import BLOCK_SIZE, CREDITS, Pump, measure_body
from labeldock.web.media.threads import MediaThreads
from tests.system.media_serving import TapReader, wait_until


@pytest.fixture
def threads():
    return MediaThreads(4)


def build_body(reader, part=None):
    return ObjectBody(ObjectInfo("k", reader.size, "e"), part, reader)


async def drain(pump):
    await pump.open()
    blocks = []
    while pump.left:
        blocks.append(await pump.read())
    pump.close()
    return blocks


def run(work):
    return asyncio.run(asyncio.wait_for(work, 20))


@pytest.mark.parametrize("size", [1, BLOCK_SIZE - 1, BLOCK_SIZE, 3 * BLOCK_SIZE + 1])
@pytest.mark.parametrize("most", [1000_000, 5000])
def test_every_byte_comes_in_blocks(threads, size, most):
    reader = TapReader(size, block=most)

    async def work():
        return await drain(Pump(threads, lambda: build_body(reader)))

    blocks = run(work())

    assert sum(map(len, blocks)) == size
    assert max(map(len, blocks)) <= BLOCK_SIZE
    assert reader.closed.wait(5)


def test_an_empty_object_is_open_and_done_at_once(threads):
    reader = TapReader(0)

    async def work():
        pump = Pump(threads, lambda: build_body(reader))
        body = await pump.open()
        pump.close()
        return body.info.size, pump.left

    assert run(work()) == (0, 0)
    assert reader.closed.wait(5)


def test_no_more_is_read_ahead_than_there_are_credits(threads):
    reader = TapReader(10 * BLOCK_SIZE)

    async def work():
        pump = Pump(threads, lambda: build_body(reader))
        await pump.open()
        counts = []
        for _ in range(4):
            await asyncio.sleep(0.05)
            counts.append(len(reader.reads))
            await pump.read()
        pump.close()
        return counts

    # The first block is handed out without a credit being given back, and that of the
    # one before is kept back, since it may not have left the server's buffer.
    assert run(work()) == [CREDITS, CREDITS, CREDITS, CREDITS + 2]


def test_a_block_is_read_once_the_one_before_has_left_the_buffer(threads):
    reader = TapReader(10 * BLOCK_SIZE)

    async def work():
        pump = Pump(threads, lambda: build_body(reader))
        await pump.open()
        counts = []
        for _ in range(3):
            await asyncio.sleep(0.05)
            await pump.read()
            pump.note_progress()
            await asyncio.sleep(0.05)
            counts.append(len(reader.reads))
        pump.close()
        return counts

    assert run(work()) == [CREDITS, CREDITS + 1, CREDITS + 2]


def test_a_pump_without_credits_holds_no_thread():
    threads = MediaThreads(1)
    readers = [TapReader(10 * BLOCK_SIZE) for _ in range(5)]

    async def work():
        pumps = [Pump(threads, lambda r=reader: build_body(r)) for reader in readers]
        for pump in pumps:  # all open at once, with one thread for all of them
            await pump.open()
        for pump in pumps:
            while pump.left:
                await pump.read()
            pump.close()

    run(work())

    assert [sum(reader.reads) >= reader.size for reader in readers] == [True] * 5


def test_an_error_of_opening_is_raised_by_open(threads):
    def fail():
        raise Unavailable("no answer")

    async def work():
        await Pump(threads, fail).open()

    with pytest.raises(Unavailable, match="no answer"):
        run(work())


def test_an_error_of_the_first_read_is_raised_by_open_too(threads):
    reader = TapReader(10, fail_at=0, error=Unavailable("reset"))

    async def work():
        pump = Pump(threads, lambda: build_body(reader))
        try:
            await pump.open()
        finally:
            pump.close()

    with pytest.raises(Unavailable, match="reset"):
        run(work())
    assert reader.closed.wait(5)


def test_blocks_before_an_error_are_given(threads):
    script = {"fail_at": 2 * BLOCK_SIZE, "error": Unavailable("reset")}
    reader = TapReader(3 * BLOCK_SIZE, **script)

    async def work():
        pump = Pump(threads, lambda: build_body(reader))
        await pump.open()
        given = [await pump.read(), await pump.read()]
        with pytest.raises(Unavailable, match="reset"):
            await pump.read()
        pump.close()
        return sum(map(len, given))

    assert run(work()) == 2 * BLOCK_SIZE


def test_closing_frees_a_read_that_hangs(threads):
    reader = TapReader(10, stall_at=0)

    async def work():
        pump = Pump(threads, lambda: build_body(reader))
        opening = asyncio.create_task(pump.open())
        await asyncio.to_thread(reader.stalled.wait, 10)
        opening.cancel()
        pump.close()
        pump.close()

    run(work())

    assert reader.closed.wait(1)


def test_closing_while_it_is_being_opened_closes_what_comes(threads):
    reader, release = TapReader(10), threading.Event()

    def open_late():
        release.wait(10)
        return build_body(reader)

    async def work():
        pump = Pump(threads, open_late)
        opening = asyncio.create_task(pump.open())
        await asyncio.sleep(0.05)
        opening.cancel()
        pump.close()

    run(work())
    assert not reader.closed.is_set()
    release.set()

    assert reader.closed.wait(5)
    assert reader.reads == []


def test_closing_before_a_thread_is_free_opens_nothing():
    threads = MediaThreads(1)
    release, opened = threading.Event(), []
    threads.submit(lambda: release.wait(10))

    async def work():
        pump = Pump(threads, lambda: opened.append(1))
        opening = asyncio.create_task(pump.open())
        await asyncio.sleep(0.05)
        opening.cancel()
        pump.close()

    run(work())
    release.set()
    done = threads.submit(lambda: True)
    wait_until(done.done)

    assert opened == []


def test_a_loop_that_has_ended_is_not_bothered(threads):
    reader, release = TapReader(10), threading.Event()

    def open_late():
        release.wait(10)
        return build_body(reader)

    async def work():
        pump = Pump(threads, open_late)
        opening = asyncio.create_task(pump.open())
        await asyncio.sleep(0.05)
        opening.cancel()

    run(work())
    release.set()

    wait_until(lambda: reader.reads)


def test_a_body_is_as_long_as_its_part():
    reader = TapReader(100)

    assert measure_body(build_body(reader)) == 100
    assert measure_body(build_body(reader, ContentRange(10, 19, 100))) == 10
