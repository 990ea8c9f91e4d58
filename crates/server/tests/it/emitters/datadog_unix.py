"""Sends metrics with the datadog package over a unix socket: datagrams, or a stream of packets
with their length before them."""

import sys

from datadog.dogstatsd.base import DogStatsd


def client(**options):
    """A client that waits for the daemon and sends nothing of its own accord."""
    return DogStatsd(
        socket_path=sys.argv[1],
        socket_timeout=10,
        namespace="dd",
        constant_tags=["env:test"],
        disable_telemetry=True,
        **options,
    )


direct = client(disable_buffering=True)
for _ in range(1_000):
    direct.increment("hits", tags=["bare"])

buffered = client(disable_buffering=False)
for _ in range(20_000):
    buffered.increment("buffered", 2)
buffered.flush()

direct.close_socket()
buffered.close_socket()
