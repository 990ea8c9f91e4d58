"""How do I send so much that a datagram for each call is too much?"""

import sys

from gstatsd import client

port = int(sys.argv[1]) if sys.argv[1:] else 8125

# Lines share datagrams. None waits longer than 50 milliseconds, and none is left behind.
with client.StatsClient(("", port), batch=True, max_delay=0.05) as raw:
    requests = client.Stats(raw).get_counter("requests")
    for _ in range(3):
        requests.increment()

    # What became of them so far.
    assert raw.counts()["lines"] == 3

#: requests:1\|c
#: requests:1\|c
#: requests:1\|c
