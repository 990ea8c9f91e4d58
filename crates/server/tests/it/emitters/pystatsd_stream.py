"""Sends metrics with the statsd package over a connection: `tcp://HOST:PORT` or `unix://PATH`."""

import sys

import statsd

transport, address = sys.argv[1].split("://")
if transport == "tcp":
    host, port = address.rsplit(":", 1)
    client = statsd.TCPStatsClient(host, int(port), prefix="py")
else:
    client = statsd.UnixSocketStatsClient(address, prefix="py")

for _ in range(10_000):
    client.incr("hits")

for _ in range(100):
    with client.pipeline() as batch:
        for _ in range(20):
            batch.incr("batched", 3)

for number in range(500):
    client.timing("load", number + 0.25)

client.close()
