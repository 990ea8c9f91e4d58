"""Threads, forks, and the end of a process."""

import os
import subprocess
import sys
import threading
import time

import pytest

from gstatsd import client

#: Makes `raw`, a client that batches and whose delay nobody waits for; the port is the argument.
BATCHING = """
import os, sys
from gstatsd import client
raw = client.StatsClient(("127.0.0.1", int(sys.argv[1])), batch=True, max_delay=3600)
"""


def test_a_process_sends_what_it_has_at_its_end(run, receiver):
    run(BATCHING + 'raw.increment("end")', receiver.port)
    assert receiver.datagram() == "end:1|c"


def test_a_process_that_fails_does_too(run, receiver):
    run(BATCHING + 'raw.increment("end"); sys.exit(3)', receiver.port, expected=3)
    assert receiver.datagram() == "end:1|c"


def test_what_is_sent_while_python_ends_arrives(run, receiver):
    # Handlers run in the reverse order, so this one runs after ours, as destructors do.
    program = """
import atexit
atexit.register(lambda: raw.increment("late"))
class Last:
    def __del__(self):
        raw.increment("last")
last = Last()
"""
    run(program + BATCHING, receiver.port)
    assert sorted(receiver.lines(2)) == ["last:1|c", "late:1|c"]


def test_at_the_end_no_client_waits_for_another(run, receiver, tmp_path):
    program = BATCHING + f"""
clients = [client.StatsClient("unixgram://{tmp_path}/none", batch=True) for _ in range(50)]
for other in clients:
    other.increment("a")
clients.append(raw)
raw.increment("a")
client._native.flush_all()
print(raw.counts()["sent"])
os._exit(0)
"""
    assert run(program, receiver.port) == "1\n"


def test_a_child_of_fork_sends_its_own_lines_and_the_parent_its_own(run, receiver):
    program = BATCHING + """
raw.increment("parent")
child = os.fork()
if child == 0:
    raw.increment("child")
    sys.exit(0)
os.waitpid(child, 0)
"""
    run(program, receiver.port)
    assert sorted(receiver.datagrams(2)) == ["child:1|c", "parent:1|c"]
    assert receiver.waiting() == []


def test_a_child_that_sends_nothing_makes_no_thread(run, receiver):
    program = BATCHING + """
raw.increment("parent")
reader, writer = os.pipe()
child = os.fork()
if child == 0:
    client._native.flush_all()
    os.write(writer, str(len(os.listdir("/proc/self/task"))).encode())
    os._exit(0)
os.waitpid(child, 0)
print(os.read(reader, 10).decode())
"""
    assert run(program, receiver.port) == "1\n"


#: The port, and how children are made.
MULTIPROCESSING = """
import multiprocessing, sys
from gstatsd import client

raw = client.StatsClient(("127.0.0.1", int(sys.argv[1])), batch=True, max_delay=3600)

def work(number):
    raw.counter("work", number)

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[2])
    children = [context.Process(target=work, args=(number,)) for number in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    raw.increment("parent")
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_send_what_they_have(method, receiver, tmp_path):
    # The children of some methods read the program again, so it is a file.
    program = tmp_path / "program.py"
    program.write_text(MULTIPROCESSING)
    subprocess.run([sys.executable, program, str(receiver.port), method], check=True, timeout=60)
    assert sorted(receiver.lines(4)) == ["parent:1|c", "work:0|c", "work:1|c", "work:2|c"]


def test_a_thousand_threads_lose_nothing(receiver):
    with client.StatsClient(receiver.hostport, batch=True) as raw:
        counter = client.StatsCounter(raw, "handle")

        def work(number):
            raw.counter("thread", number)
            counter.increment()

        threads = [threading.Thread(target=work, args=(number,)) for number in range(1_000)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lines = receiver.lines(2_000)
    threads = [f"thread:{number}|c" for number in range(1_000)]
    assert sorted(lines) == sorted(threads + ["handle:1|c"] * 1_000)


def test_others_run_while_a_line_is_sent(receiver):
    """Whoever sends lets go of the interpreter: another thread gets its turn at once, and not
    only when the time of a thread is up."""
    turns = []
    running = threading.Event()

    def other():
        while not running.is_set():
            turns.append(None)
            time.sleep(0)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(60)
    thread = threading.Thread(target=other)
    try:
        with client.StatsClient(receiver.hostport) as raw:
            thread.start()
            time.sleep(0.01)
            before, end = len(turns), time.monotonic() + 20
            while len(turns) < before + 10 and time.monotonic() < end:
                raw.increment("a")
            assert len(turns) >= before + 10
    finally:
        running.set()
        sys.setswitchinterval(interval)
        thread.join()


def test_a_signal_handler_can_send(run, receiver):
    program = BATCHING + """
import signal
signal.signal(signal.SIGALRM, lambda *_: raw.increment("alarm"))
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
for number in range(200_000):
    raw.increment("main")
signal.setitimer(signal.ITIMER_REAL, 0)
counts = raw.counts()
assert counts["lines"] > 200_000, counts
assert not counts["dropped"].get("busy"), counts
"""
    run(program, receiver.port)
