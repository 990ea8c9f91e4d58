"""What is sent for a call, and what is wrong with one."""

import decimal
import enum
import fractions
import gc
import os
import random
import socket
import unittest.mock
import weakref

import pytest

from conftest import Receiver
from gstatsd import client


def test_sets_histograms_and_distributions(raw, receiver):
    raw.set("users", "alice")
    raw.set("users", 7)
    raw.histogram("h", 0.1234567)
    raw.distribution("d", -2)
    raw.gauge_delta("g", -0.5)
    raw.gauge_delta("g", 3)
    assert receiver.datagrams(6) == [
        "users:alice|s",
        "users:7|s",
        "h:0.1234567|h",
        "d:-2|d",
        "g:-0.5|g",
        "g:+3|g",
    ]


def test_numbers_are_whatever_says_it_is_one(raw, receiver):
    class Index:
        def __index__(self):
            return 7

    class Float:
        def __float__(self):
            return 2.5

    numbers = [True, Index(), Float(), decimal.Decimal("1.5"), fractions.Fraction(5, 2), 2**63]
    for number in numbers:
        raw.counter("c", number)
    expected = ["1", "7", "3", "2", "3", "9223372036854775808"]
    assert receiver.datagrams(6) == [f"c:{number}|c" for number in expected]
    raw.gauge("g", 10**300 + 1)
    raw.gauge("g", -(10**22) - 1)
    assert receiver.datagrams(2) == [f"g:1{'0' * 299}1|g", f"g:-1{'0' * 21}1|g"]


@pytest.mark.parametrize("number", [None, "3", b"3", [], object(), 1j])
def test_what_is_no_number_is_a_type_error(raw, receiver, number):
    calls = [raw.timer, raw.gauge, raw.gauge_delta, raw.histogram, raw.distribution]
    for call in [*calls, *([raw.counter] if number is not None else [])]:
        with pytest.raises(TypeError):
            call("foo", number)
    handles = client.Stats(raw)
    for call in (handles.get_counter("c").add, handles.get_gauge("g").set):
        with pytest.raises(TypeError):
            call(number)
    assert receiver.waiting() == []


def test_an_error_of_a_number_is_the_callers(raw):
    class Broken:
        def __index__(self):
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        raw.counter("c", Broken())


def test_an_int_beyond_every_float_is_an_overflow_error(raw, receiver):
    for call in (raw.counter, raw.gauge, raw.timer, client.Stats(raw).get_gauge("g").set):
        with pytest.raises(OverflowError):
            call(*(["foo"] if call.__self__ is raw else []), 10**400)
    assert receiver.waiting() == []


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_is_a_value_error(raw, receiver, number):
    handles = client.Stats(raw)
    for call in (raw.gauge_delta, raw.histogram, raw.distribution):
        with pytest.raises(ValueError, match="not finite"):
            call("foo", number)
    for call in (handles.get_counter("c").add, handles.get_gauge("g").set):
        with pytest.raises(ValueError, match="not finite"):
            call(number)
    assert receiver.waiting() == []


@pytest.mark.parametrize("key", [None, 5, b"foo", {"a"}, object()])
def test_a_key_is_a_string(raw, receiver, key):
    calls = [raw.increment, raw.decrement, raw.counter]
    calls += [lambda key: raw.timer(key, 1), lambda key: raw.gauge(key, 1)]
    calls += [lambda key: raw.counter([key]), lambda key: raw.set(key, "a")]
    calls += [lambda key: client.StatsCounter(raw, key).increment()]
    for call in calls:
        with pytest.raises(TypeError, match="a key is a string"):
            call(key)
    assert receiver.waiting() == []


def test_strings_of_other_classes_and_scripts_are_keys(raw, receiver):
    class Key(str, enum.Enum):
        LOGINS = "logins"

    raw.increment(Key.LOGINS)
    raw.increment("größe.😀")
    raw.increment("a\udc80b")
    assert receiver.datagrams(3) == ["logins:1|c", "größe.😀:1|c", "a\ufffd\ufffd\ufffdb:1|c"]


def test_nothing_can_be_forged(raw, receiver):
    raw.increment("a:1|c\nb", tags={"k:|": "v,\nb:2|c"})
    raw.set("s", "m|c\nb:3|c")
    (first, second) = receiver.datagrams(2)
    assert first == "a%3A1%7Cc%0Ab:1|c|#k%3A%7C:v%2C%0Ab:2%7Cc"
    assert second == "s:m%7Cc%0Ab%3A3%7Cc|s"


def test_what_no_line_can_say_is_dropped_and_counted(raw, receiver):
    raw.increment("")
    raw.increment("n" * 1_025)
    raw.set("s", "")
    raw.increment("a", tags={"": "v"})
    raw.increment("end")
    assert receiver.datagram() == "end:1|c"
    counts = raw.counts()
    assert counts["dropped"] == {"bad_field": 1, "empty_name": 1, "empty_value": 1, "too_long": 1}
    assert (counts["lines"], counts["sent"], counts["waiting"]) == (5, 1, 0)
    assert (counts["packets"], counts["bytes"]) == (1, len("end:1|c"))


def test_tags_are_a_dict_or_strings(raw, receiver):
    for tags in (
        {"env": "prod", "n": 1, "bare": None},
        ["env:prod", "n:1", "bare"],
        ("env:prod", "n:1", "bare"),
        (tag for tag in ("env:prod", "n:1", "bare")),
    ):
        raw.increment("a", tags=tags)
        assert receiver.datagram() == "a:1|c|#env:prod,n:1,bare"
    for tags in ({}, [], None):
        raw.increment("a", tags=tags)
        assert receiver.datagram() == "a:1|c"
    for tags in ("env:prod", 5, {1: "a"}, [1], [("a", "b")]):
        with pytest.raises(TypeError):
            raw.increment("a", tags=tags)


def test_a_client_has_a_prefix_and_tags_of_its_own(receiver):
    raw = client.StatsClient(receiver.hostport, prefix="shop", tags={"env": "prod"})
    stats = client.Stats(raw)
    raw.increment("a", tags={"k": "v"})
    stats.get_counter("b", tags={"k": "v"}).increment()
    stats.get_gauge("c", tags=["k"]).set(1)
    with stats.get_timer("d", tags=["k"]):
        pass
    raw._send("as it stands")
    *lines, timer, last = receiver.datagrams(5)
    assert lines == [
        "shop.a:1|c|#env:prod,k:v",
        "shop.b:1|c|#env:prod,k:v",
        "shop.c:1|g|#env:prod,k",
    ]
    assert timer.startswith("shop.d:") and timer.endswith("|ms|#env:prod,k")
    assert last == "as it stands"


def test_chances_are_those_of_the_module_random(raw, receiver, monkeypatch):
    random.seed(1)
    expected = [random.random() < 0.5 for _ in range(100)]
    random.seed(1)
    for number in range(100):
        raw.counter("a", number, 0.5)
    raw.increment("end")
    lines = [f"a:{number}|c|@0.5" for number in range(100) if expected[number]]
    assert receiver.until("end:1|c") == lines
    fake = unittest.mock.Mock(random=lambda: 0.1)
    monkeypatch.setattr(client, "random", fake)
    client.StatsCounter(raw, "b", 0.2).increment()
    client.StatsCounter(raw, "b", 0.1).increment()
    client.StatsGauge(raw, "b", 0.2).set(1)
    raw.increment("end")
    assert receiver.until("end:1|c") == ["b:1|c|@0.2", "b:1|g|@0.2"]


def test_a_rate_is_a_number(raw, receiver):
    raw.increment("a", None)
    raw.increment("a", float("nan"))
    raw.increment("a", decimal.Decimal("7"))
    assert receiver.datagrams(3) == ["a:1|c"] * 3
    for rate in ("0.5", [], {}):
        with pytest.raises(TypeError):
            raw.increment("a", rate)
        with pytest.raises(TypeError):
            client.StatsCounter(raw, "a", rate).increment()


@pytest.mark.parametrize(
    ("hostport", "error"),
    [
        (("localhost",), TypeError),
        (("localhost", "8125"), TypeError),
        (("localhost", 65_536), ValueError),
        (("localhost", -1), ValueError),
        (8125, TypeError),
        ("http://localhost", ValueError),
        ("localhost:many", ValueError),
        ("unix://", ValueError),
    ],
)
def test_a_wrong_address_is_an_error_at_once(hostport, error):
    with pytest.raises(error):
        client.StatsClient(hostport)


def test_addresses_can_be_names_and_urls(receiver, tmp_path):
    for hostport in (
        ("localhost", receiver.port),
        f"127.0.0.1:{receiver.port}",
        f"udp://127.0.0.1:{receiver.port}",
    ):
        with client.StatsClient(hostport) as raw:
            raw.increment("a")
        assert receiver.datagram() == "a:1|c"
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(path)
        client.StatsClient(f"unixgram://{path}").increment("a")
        assert other.recv(100) == b"a:1|c"


def test_ipv6_is_an_address_like_others():
    try:
        receiver = Receiver(socket.AF_INET6, "::1")
    except OSError:
        pytest.skip("no IPv6 here")
    with client.StatsClient(("::1", receiver.port)) as raw:
        raw.increment("a")
        assert receiver.datagram() == "a:1|c"
    receiver.socket.close()


@pytest.mark.parametrize("scheme", ["tcp", "unixstream", "unix"])
def test_streams_have_a_newline_after_each_line(scheme, tmp_path):
    path = str(tmp_path / "socket")
    family = socket.AF_INET if scheme == "tcp" else socket.AF_UNIX
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.bind(("127.0.0.1", 0) if scheme == "tcp" else path)
        listener.listen()
        place = f"127.0.0.1:{listener.getsockname()[1]}" if scheme == "tcp" else path
        with client.StatsClient(f"{scheme}://{place}") as raw:
            raw.increment("a")
            raw.gauge("g", 2)
        connection, _ = listener.accept()
        with connection, connection.makefile() as stream:
            assert stream.read() == "a:1|c\ng:2|g\n"


def test_a_service_that_is_away_is_no_error(receiver):
    hostport = receiver.hostport
    receiver.socket.close()
    for batch in (False, True):
        raw = client.StatsClient(hostport, batch=batch)
        for _ in range(10):
            raw.increment("a")
        raw.close()
        counts = raw.counts()
        assert counts["lines"] == 10
        assert counts["sent"] + sum(counts["dropped"].values()) == 10
        assert counts["dropped"]["refused"] > 0


def test_a_closed_client_drops_what_comes_and_counts_it(receiver):
    with client.StatsClient(receiver.hostport, own_metrics="") as raw:
        raw.increment("a")
    raw.increment("b")
    assert raw.close()
    assert raw.counts()["dropped"] == {"closed": 1}
    assert receiver.waiting() == ["a:1|c"]


@pytest.mark.parametrize("batch", [False, True])
def test_the_service_is_told_at_the_end_of_what_was_dropped(receiver, batch):
    options = {"batch": batch, "prefix": "app"}
    with client.StatsClient(receiver.hostport, own_metrics="mine", **options) as raw:
        raw.increment("")
        raw.increment("")
        raw.increment("a")
    assert receiver.lines(2) == ["app.a:1|c", "app.mine.dropped.empty_name:2|c"]


def test_options_that_make_no_sense_are_errors(receiver):
    for options in ({"max_delay": -1}, {"max_delay": float("nan")}):
        with pytest.raises(ValueError, match="max_delay"):
            client.StatsClient(receiver.hostport, **options)
    for options in ({"prefix": 5}, {"tags": 5}, {"max_packet": "1"}, {"max_buffer": None}):
        with pytest.raises(TypeError):
            client.StatsClient(receiver.hostport, **options)
    with pytest.raises(TypeError):
        client.StatsClient(receiver.hostport, "prefix")


def test_init_is_called_once(raw, receiver):
    for handle in (raw, client.StatsCounter(raw, "a"), client.StatsTimer(raw, "a")):
        with pytest.raises(RuntimeError, match="already"):
            handle.__init__(*((receiver.hostport,) if handle is raw else (raw, "a")))
    for bare in (client.StatsClient, client.StatsGauge, client.StatsTimer, client.StatsCounter):
        bare = bare.__new__(bare)
        with pytest.raises(RuntimeError, match="not called"):
            bare.increment("a") if isinstance(bare, client.StatsClient) else bare._key


def test_nothing_is_held_that_nobody_needs(receiver):
    for _ in range(3):
        raw = client.StatsClient(receiver.hostport)
        raw.counter_of_mine = client.StatsCounter(raw, "a")
        raw.timer_of_mine = raw.timed("a")
        raw.itself = raw
        gone = weakref.ref(raw)
        del raw
        gc.collect()
        assert gone() is None


def test_sockets_are_closed_with_their_client(receiver):
    def descriptors():
        return len(os.listdir("/proc/self/fd"))

    before = descriptors()
    clients = [client.StatsClient(receiver.hostport) for _ in range(10)]
    for raw in clients:
        raw.increment("a")
    assert descriptors() > before
    del clients, raw
    assert descriptors() == before
