"""What happens in a process that is forked? It sends what it gathers itself."""

import multiprocessing
import sys

from gstatsd import client

port = int(sys.argv[1]) if sys.argv[1:] else 8125

raw = client.StatsClient(("", port), batch=True)


def work(number):
    raw.counter("work", number)


if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    child = context.Process(target=work, args=(7,))
    raw.increment("parent")
    child.start()
    child.join()

#: work:7\|c
#: parent:1\|c
