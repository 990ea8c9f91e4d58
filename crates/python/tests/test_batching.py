"""Lines that share datagrams."""

import socket
import time

import pytest

from conftest import Receiver
from gstatsd import client


def test_lines_share_a_datagram_until_it_is_full_or_asked_for(receiver):
    with client.StatsClient(receiver.hostport, batch=True, max_delay=3600) as raw:
        raw.increment("a")
        raw.gauge("g", 2.5)
        raw.timed("t", tags={"k": "v"})
        assert raw.counts()["waiting"] == 2
        assert raw.flush()
        assert receiver.datagram() == "a:1|c\ng:2.5|g"
        for number in range(1_000):
            raw.counter("some.counter", number)
        assert raw.flush(5)
    datagrams = receiver.waiting()
    assert 1 < len(datagrams) < 5
    assert all(len(datagram) <= 8_192 for datagram in datagrams)
    lines = "\n".join(datagrams).split("\n")
    assert lines == [f"some.counter:{number}|c" for number in range(1_000)]


def test_a_line_waits_no_longer_than_the_delay(receiver):
    with client.StatsClient(receiver.hostport, batch=True, max_delay=0.05) as raw:
        raw.increment("a")
        assert receiver.datagram() == "a:1|c"


def test_a_datagram_can_be_limited(receiver):
    with client.StatsClient(receiver.hostport, batch=True, max_packet=64) as raw:
        for _ in range(20):
            raw.increment("ten.bytes")
    datagrams = [receiver.datagram() for _ in range(5)]
    assert datagrams == ["\n".join(["ten.bytes:1|c"] * 4)] * 5


def test_one_datagram_a_call_unless_batching_is_asked_for(receiver):
    with client.StatsClient(receiver.hostport) as raw:
        for _ in range(10):
            raw.increment("a")
        assert receiver.waiting() == ["a:1|c"] * 10
        assert raw.flush()


def test_a_client_that_is_forgotten_sends_what_it_has(receiver):
    raw = client.StatsClient(receiver.hostport, batch=True, max_delay=3600)
    raw.increment("a")
    del raw
    assert receiver.datagram() == "a:1|c"


def test_what_waits_for_a_service_that_is_away_is_bounded_and_sent_when_it_comes(tmp_path):
    path = str(tmp_path / "socket")
    raw = client.StatsClient(
        f"unixgram://{path}",
        batch=True,
        max_delay=0.01,
        max_packet=1_000,
        max_buffer=10_000,
        own_metrics="",
    )
    for number in range(10_000):
        raw.counter("some.counter", number)
    counts = raw.counts()
    assert counts["dropped"]["full"] > 9_000
    assert counts["lines"] == 10_000 == counts["waiting"] + counts["dropped"]["full"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as late:
        late.bind(path)
        late.settimeout(20)
        assert late.recv(2_000).count(b"\n") > 10
        late.setblocking(False)
        end = time.monotonic() + 20
        while raw.counts()["waiting"] and time.monotonic() < end:
            try:
                late.recv(2_000)
            except BlockingIOError:
                time.sleep(0.001)
    counts = raw.counts()
    assert counts["sent"] == 10_000 - counts["dropped"]["full"]
    assert raw.close()


@pytest.mark.parametrize("timeout", [-1, float("nan"), float("inf")])
def test_a_timeout_is_a_time(receiver, timeout):
    with client.StatsClient(receiver.hostport, batch=True) as raw:
        with pytest.raises(ValueError, match="timeout"):
            raw.flush(timeout)


def test_a_receiver_of_the_tests_gets_what_is_sent():
    receiver = Receiver()
    assert receiver.waiting() == []
    with client.StatsClient(receiver.hostport) as raw:
        raw.increment("a")
    assert receiver.lines(1) == ["a:1|c"]
    receiver.socket.close()
