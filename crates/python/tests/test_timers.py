"""Timers: stopwatch, context manager, decorator."""

import asyncio
import inspect
import threading
import time
import unittest.mock

import pytest

from gstatsd import client


@pytest.fixture
def stats(raw):
    return client.Stats(raw)


def test_a_stopwatch_cuts_to_whole_milliseconds(stats, receiver, fake_time):
    timer = stats.get_timer("t")
    for seconds in (0.0259, 0, 2.5, -3):
        timer.start()
        fake_time.advance(seconds)
        timer.stop()
    assert receiver.datagrams(4) == ["t:25|ms", "t:0|ms", "t:2500|ms", "t:0|ms"]


def test_a_stopwatch_that_could_not_be_told_goes_on(fake_time):
    class Failing:
        def timer(self, key, millis):
            raise OSError(millis)

    timer = client.StatsTimer(Failing(), "t")
    timer.start()
    fake_time.advance(1)
    for _ in range(2):
        with pytest.raises(OSError, match="1000"):
            timer.stop()


def test_the_clock_is_monotonic_unless_somebody_replaced_the_other(stats, receiver, monkeypatch):
    timer = stats.get_timer("t")
    steady = iter([1.0, 1.5])
    monkeypatch.setattr(time, "monotonic", lambda: next(steady))
    timer.start()
    timer.stop()
    assert receiver.datagram() == "t:500|ms"
    monkeypatch.undo()
    timer.start()
    timer.stop()
    assert receiver.datagram().startswith("t:")


def test_time_can_be_replaced_at_the_start_at_the_end_or_in_the_module(stats, receiver):
    timer = stats.get_timer("t")
    with unittest.mock.patch("time.time", side_effect=[10, 10.5]):
        timer.start()
        timer.stop()
    timer.start()
    with unittest.mock.patch("gstatsd.client.time.time", return_value=time.time() + 5.5):
        timer.stop()
    with unittest.mock.patch("gstatsd.client.time") as module:
        module.time.return_value = time.time() - 7.5
        timer.start()
    timer.stop()
    first, second, third = (int(line[2:-3]) for line in receiver.datagrams(3))
    assert first == 500
    assert 4_000 < second < 6_000
    assert 7_000 < third < 9_000


def test_a_block_is_measured_also_when_it_raises(stats, receiver, fake_time):
    timer = stats.get_timer("t")
    with timer as same:
        assert same is timer
        fake_time.advance(1)
    with pytest.raises(ZeroDivisionError):
        with timer:
            fake_time.advance(2)
            1 / 0
    assert receiver.datagrams(2) == ["t:1000|ms", "t:2000|ms"]
    with pytest.raises(UserWarning, match="you must call start"):
        timer.__exit__(None, None, None)


def test_blocks_can_be_nested(stats, receiver, fake_time):
    timer, other = stats.get_timer("t"), stats.get_timer("o")
    with timer:
        fake_time.advance(1)
        with timer, other:
            fake_time.advance(2)
            with timer:
                fake_time.advance(4)
        with timer:
            fake_time.advance(8)
    assert receiver.datagrams(5) == [
        "t:4000|ms",
        "o:6000|ms",
        "t:6000|ms",
        "t:8000|ms",
        "t:15000|ms",
    ]


def test_blocks_of_one_timer_may_end_in_any_order_across_others(stats, receiver, fake_time):
    timer, other = stats.get_timer("t"), stats.get_timer("o")
    timer.__enter__()
    other.__enter__()
    timer.__enter__()
    other.__enter__()
    fake_time.advance(1)
    timer.__exit__()
    other.__exit__()
    fake_time.advance(1)
    timer.__exit__()
    other.__exit__()
    assert receiver.datagrams(4) == ["t:1000|ms", "o:1000|ms", "t:2000|ms", "o:2000|ms"]


def test_threads_have_their_blocks_at_once(stats, receiver, fake_time):
    timer = stats.get_timer("t")
    entered, leave = threading.Event(), threading.Event()

    def other():
        with timer:
            entered.set()
            leave.wait()

    with timer:
        fake_time.advance(1)
        thread = threading.Thread(target=other)
        thread.start()
        entered.wait()
        fake_time.advance(2)
    fake_time.advance(4)
    leave.set()
    thread.join()
    assert receiver.datagrams(2) == ["t:3000|ms", "t:6000|ms"]


def test_tasks_have_their_blocks_at_once(stats, receiver, fake_time):
    timer = stats.get_timer("t")

    async def first(entered):
        with timer:
            fake_time.advance(1)
            entered.set()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            fake_time.advance(2)

    async def second(entered):
        await entered.wait()
        async with timer as same:
            assert same is timer
            await asyncio.sleep(0.01)
            with timer:
                fake_time.advance(4)

    async def both():
        entered = asyncio.Event()
        await asyncio.gather(first(entered), second(entered))

    asyncio.run(both())
    assert receiver.datagrams(3) == ["t:3000|ms", "t:4000|ms", "t:6000|ms"]


def test_a_decorated_function_is_measured_at_each_call(raw, receiver, fake_time):
    @raw.timed("f")
    def fib(n):
        """Fibonacci's."""
        fake_time.advance(1)
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    assert fib(3) == 2
    assert (fib.__name__, fib.__doc__) == ("fib", "Fibonacci's.")
    assert receiver.datagrams(5) == [f"f:{millis}000|ms" for millis in (1, 1, 3, 1, 5)]

    @raw.timed("f", tags=["k:v"])
    def fails():
        raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert receiver.datagram() == "f:0|ms|#k:v"


def test_a_decorated_coroutine_is_measured_until_its_end(raw, receiver, fake_time):
    @raw.timed("f")
    async def work(seconds):
        fake_time.advance(seconds)
        await asyncio.sleep(0)
        return seconds

    async def both():
        return await asyncio.gather(work(1), work(2))

    assert inspect.iscoroutinefunction(work)
    assert asyncio.run(both()) == [1, 2]
    assert receiver.datagrams(2) == ["f:3000|ms", "f:2000|ms"]

    @raw.timed("g")
    async def cancelled():
        fake_time.advance(1)
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())
    assert receiver.datagram() == "g:1000|ms"


def test_a_method_can_be_decorated(raw, receiver, fake_time):
    class Work:
        @raw.timed("m")
        def run(self):
            return self

    work = Work()
    assert work.run() is work
    assert receiver.datagram() == "m:0|ms"
