"""How do I test what my program sends?"""

import sys

from gstatsd import client

port = int(sys.argv[1]) if sys.argv[1:] else 8125


class Recorder(client.StatsClient):
    """Keeps what it would have sent."""

    def __init__(self):
        super().__init__()
        self.sent = []

    def _send(self, data, sample_rate=1):
        self.sent.append((data, sample_rate))


def login(stats):
    """The program."""
    stats.increment("logins")


recorder = Recorder()
login(recorder)
assert recorder.sent == [("logins:1|c", 1)]

# The same program, not under test.
raw = client.StatsClient(("", port))
login(raw)

#: logins:1\|c
