"""How do I send tags, and a prefix?"""

import sys

from gstatsd import client

port = int(sys.argv[1]) if sys.argv[1:] else 8125

raw = client.StatsClient(("", port), prefix="shop", tags={"env": "prod"})
raw.increment("orders", tags={"country": "fr"})
raw.gauge("stock", 3, tags=["fragile", "shelf:7"])

#: shop\.orders:1\|c\|#env:prod,country:fr
#: shop\.stock:3\|g\|#env:prod,fragile,shelf:7
