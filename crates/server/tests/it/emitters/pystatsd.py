"""Sends metrics with the statsd package to a port of this machine.

Prints how many samples of a sampled counter went out, for that is up to chance.
"""

import random

import statsd

client = statsd.StatsClient("127.0.0.1", port, prefix="py")

for number in range(10_000):
    client.incr("hits")
    if number % BURST == BURST - 1:
        pause()

for _ in range(100):
    with client.pipeline() as batch:
        for _ in range(20):
            batch.incr("batched", 3)
    pause()

for _ in range(50):
    client.incr("balance", 0.5)
    client.decr("balance")
pause()

random.seed(8125)
sampled = sum(random.random() <= 0.25 for _ in range(1_000))
random.seed(8125)
for number in range(1_000):
    client.incr("sampled", rate=0.25)
    if number % BURST == BURST - 1:
        pause()

with client.pipeline() as batch:
    for number in range(1, 251):
        batch.timing("load", number + 0.25)
pause()
for number in range(251, 501):
    client.timing("load", number + 0.25)
    if number % BURST == 0:
        pause()

for level in (1, 7, 42.5):
    client.gauge("level", level)
client.gauge("signed", 5, delta=True)
client.gauge("signed", -3, delta=True)
for _ in range(3):
    client.gauge("depth", -7.25)

with client.pipeline() as batch:
    for number in range(30):
        batch.set("users", f"u{number % 12}")
pause()

print("sampled", sampled)
