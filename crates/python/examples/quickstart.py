"""How do I send metrics? Run it with the port of a StatsD, if that is not 8125."""

import sys

from gstatsd import client

port = int(sys.argv[1]) if sys.argv[1:] else 8125

# Where the StatsD is: this machine.
raw = client.StatsClient(("", port))

# Add 1 to the counter 'logins', and 25 milliseconds to the timer 'render'.
raw.increment("logins")
raw.timer("render", 25)
raw.gauge("queue.length", 12)
raw.set("users", "alice")

#: logins:1\|c
#: render:25\|ms
#: queue\.length:12\|g
#: users:alice\|s
