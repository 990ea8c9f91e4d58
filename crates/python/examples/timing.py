"""How do I measure how long something takes?"""

import asyncio
import sys

from gstatsd import client

port = int(sys.argv[1]) if sys.argv[1:] else 8125

raw = client.StatsClient(("", port))
stats = client.Stats(raw)

# A block.
with stats.get_timer("block"):
    sum(range(1_000))


# Each call of a function.
@stats.get_timer("function")
def work():
    return sum(range(1_000))


# Each run of a coroutine.
@stats.get_timer("coroutine")
async def fetch():
    await asyncio.sleep(0)


work()
asyncio.run(fetch())

# By hand.
timer = stats.get_timer("stopwatch")
timer.start()
timer.stop()

#: block:\d+\|ms
#: function:\d+\|ms
#: coroutine:\d+\|ms
#: stopwatch:\d+\|ms
