"""How do I send metrics? Run it with the port of a StatsD."""

import sys

from gstatsd import client

# Where the StatsD is: this machine.
raw = client.StatsClient(("", int(sys.argv[1])))

# Add 1 to the counter 'logins', and 25 milliseconds to the timer 'render'.
raw.increment("logins")
raw.timer("render", 25)
raw.gauge("queue.length", 12)
raw.set("users", "alice")

#: logins:1\|c
#: render:25\|ms
#: queue\.length:12\|g
#: users:alice\|s
