"""How do I send only a part of very many events?"""

import random
import sys

from gstatsd import client

port = int(sys.argv[1]) if sys.argv[1:] else 8125

raw = client.StatsClient(("", port))

# One in two is sent, by chance; the service counts each of them for two.
random.seed(1)
for _ in range(4):
    raw.increment("packets", 0.5)

#: packets:1\|c\|@0\.5
#: packets:1\|c\|@0\.5
