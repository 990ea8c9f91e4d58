"""Programs that were written for gstatsd 0.6, and their tests."""

import inspect
from unittest import mock

import pytest

from gstatsd import client


def test_the_example_of_the_original_readme_runs_unchanged(receiver, monkeypatch):
    example = """
    from gstatsd import client

    # location of the statsd server
    hostport = ('', 8125)

    raw = client.StatsClient(hostport)

    # add 1 to the 'foo' bucket
    raw.increment('foo')

    # timer 'bar' took 25ms to complete
    raw.timer('bar', 25)

    # wraps the raw client
    cli = client.Stats(raw)

    timer = cli.get_timer('foo')
    timer.start()

    # ... do some work ..

    # when .stop() is called, the stat is sent to the server
    timer.stop()
    """
    example = inspect.cleandoc(example).replace("8125", str(receiver.port))
    exec(example, {})
    first, second, third = receiver.datagrams(3)
    assert (first, second) == ("foo:1|c", "bar:25|ms")
    assert third.startswith("foo:") and third.endswith("|ms")


class Recorder(client.StatsClient):
    """As the tests of the original had it."""

    def __init__(self, hostport=None):
        client.StatsClient.__init__(self, hostport)
        self.packets = []

    def _send(self, data, sample_rate=1):
        self.packets.append((data, sample_rate))


class BareRecorder(client.StatsClient):
    """One that never opens the client."""

    def __init__(self, name):
        self.name = name
        self.packets = []

    def _send(self, data, sample_rate=1):
        self.packets.append((data, sample_rate))


@pytest.mark.parametrize("make", [Recorder, lambda: BareRecorder("a")], ids=["open", "bare"])
def test_an_overridden_send_gets_every_line_and_its_rate(make):
    c = make()
    c.timer("foo", 15, 1)
    c.timer("bar.baz", 1.35)
    c.increment("x", 0.5)
    c.decrement("x", sample_rate=0.2)
    c.counter(("a", "b"), -5.9, 0.1)
    c.gauge("g", 5.9)
    c.gauge_delta("g", 2)
    c.set("s", "member", 2)
    c.histogram("h", 0.25)
    c.distribution("d", 1, tags={"k": "v"})
    assert c.packets == [
        ("foo:15|ms", 1),
        ("bar.baz:1|ms", 1),
        ("x:1|c", 0.5),
        ("x:-1|c", 0.2),
        ("a:-6|c", 0.1),
        ("b:-6|c", 0.1),
        ("g:5.9|g", 1),
        ("g:+2|g", 1),
        ("s:member|s", 2),
        ("h:0.25|h", 1),
        ("d:1|d|#k:v", 1),
    ]


def test_an_overridden_send_sees_the_handles():
    c = Recorder()
    stats = client.Stats(c)
    counter = stats.get_counter("c", 0.5, tags=["a:b"])
    counter.increment()
    counter.decrement()
    counter.add(5.5)
    stats.get_gauge("g").set(-50)
    timer = stats.get_timer("t")
    timer.start()
    timer.stop()
    with timer:
        pass
    lines = [data for data, _ in c.packets]
    assert lines[:4] == ["c:1|c|#a:b", "c:-1|c|#a:b", "c:6|c|#a:b", "g:-50|g"]
    assert [line.split(":")[0] for line in lines[4:]] == ["t", "t"]
    assert [rate for _, rate in c.packets] == [0.5, 0.5, 0.5, 1, 1, 1]
    with pytest.raises(UserWarning, match="you must call start"):
        stats.get_timer("t").stop()


def test_an_overridden_send_can_call_that_of_the_base(receiver, monkeypatch):
    class Prefixing(client.StatsClient):
        def _send(self, data, sample_rate=1):
            client.StatsClient._send(self, "app." + data, sample_rate)

    monkeypatch.setattr("random.random", lambda: 0.25)
    c = Prefixing(receiver.hostport)
    c.increment("a")
    c.increment("a", 0.5)
    c.increment("a", 0.25)
    super(Prefixing, c)._send(b"bytes")
    assert receiver.datagrams(3) == ["app.a:1|c", "app.a:1|c|@0.5", "bytes"]


def test_an_error_of_an_overridden_send_is_the_callers():
    class Broken(client.StatsClient):
        def _send(self, data, sample_rate=1):
            raise OSError(data)

    with pytest.raises(OSError, match="a:1"):
        Broken().increment("a")
    with pytest.raises(OSError, match="b:7"):
        client.StatsCounter(Broken(), "b").add(7)


def test_an_overridden_counter_sees_increments_and_handles(receiver):
    calls = []

    class Watching(client.StatsClient):
        def counter(self, *args, **kwargs):
            calls.append((args, kwargs))
            super().counter(*args, **kwargs)

    c = Watching(receiver.hostport)
    c.increment("a")
    c.decrement("a", 0.5, {"k": "v"})
    client.StatsCounter(c, "b").increment()
    client.StatsCounter(c, "b", 2).add(7)
    assert [args for args, _ in calls] == [
        ("a", 1, 1),
        ("a", -1, 0.5, {"k": "v"}),
        ("b", 1, 1),
        ("b", 7, 2),
    ]


def test_methods_can_be_replaced_on_the_object_and_on_the_class(raw, receiver):
    seen = []
    with mock.patch.object(raw, "_send", lambda *args: seen.append(args)):
        raw.increment("a")
        raw.gauge("g", 1)
    with mock.patch.object(client.StatsClient, "_send", lambda self, *args: seen.append(args)):
        raw.timer("t", 2)
        client.StatsCounter(raw, "c").increment()
    assert seen == [("a:1|c", 1), ("g:1|g", 1), ("t:2|ms", 1), ("c:1|c", 1)]
    raw.increment("after")
    assert (receiver.datagram(), len(seen)) == ("after:1|c", 4)


@pytest.mark.parametrize("target", ["the class", "the object"])
def test_handles_call_methods_that_were_replaced(target, raw, receiver):
    stats = client.Stats(raw)
    counter, gauge, timer = stats.get_counter("c"), stats.get_gauge("g"), stats.get_timer("t")
    calls = {
        "increment": counter.increment,
        "decrement": counter.decrement,
        "counter": lambda: counter.add(3),
        "gauge": lambda: gauge.set(2),
        "timer": lambda: timer.__enter__().__exit__(),
    }
    for name, call in calls.items():
        of = client.StatsClient if target == "the class" else raw
        with mock.patch.object(of, name) as replaced:
            call()
        replaced.assert_called_once()
    raw.increment("after")
    assert receiver.datagram() == "after:1|c"


def test_handles_take_any_object_with_the_methods_of_a_client():
    class Fake:
        def __init__(self):
            self.calls = []

        def __getattr__(self, name):
            return lambda *args, **kwargs: self.calls.append((name, args, kwargs))

    fake, rate, value = Fake(), object(), object()
    counter = client.StatsCounter(fake, ["a", "b"], rate, tags={"k": "v"})
    counter.increment()
    counter.decrement()
    counter.add(value)
    client.StatsGauge(fake, "g", rate).set(value)
    client.StatsTimer(fake, "t")
    assert fake.calls == [
        ("increment", (["a", "b"], rate), {"tags": {"k": "v"}}),
        ("decrement", (["a", "b"], rate), {"tags": {"k": "v"}}),
        ("counter", (["a", "b"], value, rate), {"tags": {"k": "v"}}),
        ("gauge", ("g", value, rate), {}),
    ]


def test_a_counter_handle_can_have_many_keys(raw, receiver):
    client.StatsCounter(raw, ["a", "b"]).add(2)
    assert receiver.datagrams(2) == ["a:2|c", "b:2|c"]


def test_hostport_is_that_of_the_class(receiver, monkeypatch):
    class Mine(client.StatsClient):
        HOSTPORT = receiver.hostport

    Mine().increment("mine")
    monkeypatch.setattr(client.StatsClient, "HOSTPORT", receiver.hostport)
    client.StatsClient().increment("all")
    assert receiver.datagrams(2) == ["mine:1|c", "all:1|c"]
    monkeypatch.undo()
    assert client.StatsClient.HOSTPORT == ("", 8125)


def test_subclasses_can_have_a_constructor_of_their_own(receiver):
    class App(client.StatsClient):
        def __init__(self, name, *, port):
            super().__init__(("127.0.0.1", port))
            self.name = name

    app = App("shop", port=receiver.port)
    app.increment(app.name)
    assert receiver.datagram() == "shop:1|c"


def test_the_signatures_are_those_of_the_original_and_more():
    def names(method):
        signature = str(inspect.signature(method)).replace("(self, /", "(self")
        return signature.replace("sample_rate=1", "rate=1")

    of = client.StatsClient
    assert names(of.timer) == "(self, key, timestamp, rate=1, tags=None)"
    assert names(of.gauge) == "(self, key, value, rate=1, tags=None)"
    assert names(of.increment) == "(self, key, rate=1, tags=None)"
    assert names(of.decrement) == "(self, key, rate=1, tags=None)"
    assert names(of.counter) == "(self, keys, magnitude=1, rate=1, tags=None)"
    assert names(of._send) == "(self, data, rate=1)"
    assert names(client.StatsCounter) == "(client, key, rate=1, *, tags=None)"
    assert names(client.StatsGauge) == "(client, key, rate=1, *, tags=None)"
    assert names(client.StatsTimer) == "(client, key, *, tags=None)"
    assert names(client.StatsCounter.add) == "(self, val)"
    assert names(client.StatsGauge.set) == "(self, value)"


def test_keywords_work_everywhere(raw, receiver):
    raw.timer(key="t", timestamp=3, sample_rate=1, tags=None)
    raw.counter(keys=["a"], magnitude=2)
    raw.gauge(value=1, key="g")
    assert receiver.datagrams(3) == ["t:3|ms", "a:2|c", "g:1|g"]
    for wrong in ({"magnitude": 1}, {"keys": "a", "other": 1}):
        with pytest.raises(TypeError):
            raw.counter(**wrong)
    with pytest.raises(TypeError):
        raw.increment("a", 1, None, "too many")
    with pytest.raises(TypeError):
        raw.increment("a", key="a")


def test_the_handles_tell_what_they_are_bound_to(raw):
    counter = client.StatsCounter(raw, "k", 0.5)
    assert (counter._client, counter._key, counter._sample_rate) == (raw, "k", 0.5)
    gauge = client.StatsGauge(raw, "g")
    assert (gauge._client, gauge._key, gauge._sample_rate) == (raw, "g", 1)
    timer = client.StatsTimer(raw, "t")
    assert (timer._client, timer._key) == (raw, "t")
