"""Sends metrics with the datadog package: each in a datagram of its own, then many in one.

Prints how many samples of a sampled counter went out, for that is up to chance.
"""

import random

from datadog.dogstatsd.base import DogStatsd


def client(**options):
    """A client that sends nothing of its own accord."""
    return DogStatsd(
        host="127.0.0.1",
        port=port,
        namespace="dd",
        constant_tags=["env:test"],
        disable_telemetry=True,
        **options,
    )


direct = client(disable_buffering=True)
for number in range(5_000):
    direct.increment("hits", tags=["shard:%d" % (number % 2), "bare"])
    if number % BURST == BURST - 1:
        pause()
for number in range(100):
    direct.decrement("balance", 0.5)
pause()

random.seed(8125)
sampled = sum(random.random() <= 0.25 for _ in range(1_000))
random.seed(8125)
for number in range(1_000):
    direct.increment("sampled", sample_rate=0.25)
    if number % BURST == BURST - 1:
        pause()

for number in range(1, 251):
    direct.timing("load", number + 0.25)
    if number % BURST == 0:
        pause()
for number in range(1, 11):
    direct.histogram("size", number, tags=["path:/a:b"])
    direct.distribution("delay", number / 4)
    direct.set("users", "user %d" % (number % 4))
    direct.gauge("level", -number)
pause()
direct.event("Deployed", "line 1\nline 2", alert_type="info", tags=["version:2"])
direct.service_check("redis", direct.CRITICAL, message="down")
direct.gauge_with_timestamp("past", 3, 1_700_000_000)
direct.count_with_timestamp("past.count", 4, 1_700_000_000)
pause()

# The client sends what is left every 300 ms, too.
buffered = client(disable_buffering=False)
for number in range(20_000):
    buffered.increment("buffered", 2, cardinality="low")
    if number % 500 == 499:
        buffered.flush()
        pause()
buffered.stop()
pause()

print("sampled", sampled)
