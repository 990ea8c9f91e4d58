"""Sends metrics to a StatsD.

    >>> from gstatsd import client
    >>> raw = client.StatsClient(('', 8125))
    >>> raw.increment('foo')        # add 1 to the counter 'foo'
    >>> raw.timer('bar', 25)        # 'bar' took 25 milliseconds

    >>> stats = client.Stats(raw)
    >>> with stats.get_timer('work'):
    ...     pass

Nothing here waits for the network, and a service that is away is no error: what cannot be sent is
dropped, and counted by ``StatsClient.counts``. Wrong arguments are errors: ``TypeError`` for what
is no string or no number, ``ValueError`` for a number that is not finite.

Each call sends a datagram of its own, unless the client was made with ``batch=True``.

The clock of timers is ``time.monotonic``, or ``time.time`` where somebody replaced that; the
source of chances is ``random.random``. Both are looked up in this module at each call, so that
tests can replace them.
"""

import atexit
import functools
import inspect
import os
import random  # noqa: F401  (looked up here at each call)
import sys
import time  # noqa: F401  (looked up here at each call)

from gstatsd import _native

__all__ = ["Stats", "StatsClient", "StatsCounter", "StatsGauge", "StatsTimer"]


class StatsClient(_native.StatsClient):
    """Sends metrics to a StatsD.

    ``hostport`` is ``(host, port)`` or a string: ``'host:port'``, ``'udp://host:port'``,
    ``'tcp://host:port'``, ``'unixgram:///path'``, ``'unixstream:///path'`` or ``'unix:///path'``.
    An empty host is this machine. Without it, the class attribute ``HOSTPORT`` says where to send.

    ``prefix`` begins every key, with a dot after it. ``tags`` go with every metric: a dict, or
    strings of the form ``'key:value'``.

    With ``batch`` lines are gathered into datagrams, which a thread sends that is none of
    Python's: when one is full, and after ``max_delay`` seconds at the latest. ``max_packet`` is
    the most bytes of a datagram (default: 1,432, or 8,192 to the same machine), ``max_buffer`` the
    most bytes that wait for a service that is away; beyond it the oldest are dropped.

    Of what had to be dropped the service is told, at most every ten seconds and at the end, by
    counters whose names begin with ``own_metrics``; empty for none.

    It can be used by many threads at once, and by a child after ``os.fork``. A ``with`` block
    closes it at its end.

    All metrics of a subclass that overrides ``_send(data, sample_rate)`` go through that: ``data``
    is the line without its rate.
    """

    HOSTPORT = ("", 8125)

    def __init__(
        self,
        hostport=None,
        *,
        prefix="",
        tags=None,
        batch=False,
        max_delay=0.1,
        max_packet=None,
        max_buffer=1024 * 1024,
        own_metrics="statsd.client",
    ):
        if hostport is None:
            hostport = type(self).HOSTPORT
        self._hostport = hostport
        self._open(
            hostport, prefix, tags, batch, max_delay, max_packet, max_buffer, own_metrics
        )

    def timed(self, key, *, tags=None):
        """A ``StatsTimer`` for a ``with`` block, or to decorate a function with."""
        return StatsTimer(self, key, tags=tags)


class StatsCounter(_native.Counter):
    """A counter with its key. ``sample_rate`` is the fraction of the calls that is sent."""

    def __init__(self, client, key, sample_rate=1, *, tags=None):
        self._bind(client, key, sample_rate, tags)


class StatsTimer(_native.Timer):
    """A timer with its key, in milliseconds.

    A stopwatch (``start`` and ``stop``), a context manager, also an asynchronous one, and a
    decorator for functions and coroutine functions::

        with stats.get_timer('render'):
            ...

        @stats.get_timer('fetch')
        async def fetch():
            ...

    What raises an exception is measured too. ``with`` blocks of one timer may be nested, and many
    threads and tasks may have theirs at once; the stopwatch is one.
    """

    def __init__(self, client, key, *, tags=None):
        self._bind(client, key, tags)

    def __call__(self, function):
        """Decorate a function: each call of it is measured."""
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def measured(*args, **kwargs):
                begun = self._begin()
                try:
                    return await function(*args, **kwargs)
                finally:
                    self._end(begun)

        else:

            @functools.wraps(function)
            def measured(*args, **kwargs):
                begun = self._begin()
                try:
                    return function(*args, **kwargs)
                finally:
                    self._end(begun)

        return measured

    async def __aenter__(self):
        return self.__enter__()

    async def __aexit__(self, *exception):
        return self.__exit__(*exception)


class StatsGauge(_native.Gauge):
    """A gauge with its key. ``sample_rate`` is the fraction of the calls that is sent."""

    def __init__(self, client, key, sample_rate=1, *, tags=None):
        self._bind(client, key, sample_rate, tags)


class Stats:
    """Makes metrics to hold on to, which are sent through ``client``."""

    def __init__(self, client):
        self._client = client

    def get_counter(self, key, sample_rate=1, *, tags=None):
        """A ``StatsCounter``."""
        return StatsCounter(self._client, key, sample_rate, tags=tags)

    def get_timer(self, key, *, tags=None):
        """A ``StatsTimer``."""
        return StatsTimer(self._client, key, tags=tags)

    def get_gauge(self, key, *, tags=None):
        """A ``StatsGauge``."""
        return StatsGauge(self._client, key, tags=tags)


def _flush_at_the_end_of_children(_=None):
    """Children of ``multiprocessing`` end without ``atexit``: they have finalizers instead."""
    util = sys.modules["multiprocessing.util"]
    util.Finalize(None, _native.flush_all, exitpriority=0)


@functools.lru_cache(maxsize=None)
def _know_multiprocessing():
    """See to it that children of ``multiprocessing`` send what they have when they end."""
    util = sys.modules["multiprocessing.util"]
    util.register_after_fork(sys.modules[__name__], _flush_at_the_end_of_children)
    # This process may be a child itself.
    _flush_at_the_end_of_children()


def _before_fork():
    if "multiprocessing.util" in sys.modules:
        _know_multiprocessing()


_before_fork()
os.register_at_fork(before=_before_fork)
atexit.register(_native.flush_all)
