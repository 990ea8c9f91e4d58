"""What a call costs the thread that makes it, beside the packages statsd and datadog.

`cargo xtask bench --python` runs it in an environment that has all three. All packages take turns
in one run, so that what disturbs one disturbs the others; of each turn the processor time of the
calling thread is taken, and what an empty loop takes is taken off.
"""

import argparse
import datetime
import importlib.metadata
import pathlib
import platform
import socket
import statistics
import subprocess
import time

import statsd
from datadog.dogstatsd.base import DogStatsd

from gstatsd import client

PAGE = pathlib.Path(__file__).parents[3] / "docs" / "benchmarks.md"
BEGIN = "<!-- Made by `cargo xtask bench --python --write`. Do not edit. -->"
END = "<!-- The end of what is made of Python. -->"

TURNS = 60
CALLS = {"direct": 500, "batched": 4_000}

#: So many lines make a datagram of the package statsd, which has to be told when to send.
PIPELINE = 40

PACKAGES = ("ours", "statsd", "datadog")

TAGS = {"env": "prod", "route": "home"}
TAG_LIST = ["env:prod", "route:home"]

#: What is done, and the statement for it in each package; `None` where it has no such thing.
WORKLOADS = [
    (
        "counter",
        {
            "ours": 'ours.increment("some.counter")',
            "statsd": 'statsd.incr("some.counter")',
            "datadog": 'datadog.increment("some.counter")',
        },
    ),
    (
        "counter, held (`get_counter`)",
        {
            "ours": "counter.increment()",
            "statsd": 'statsd.incr("some.counter")',
            "datadog": 'datadog.increment("some.counter")',
        },
    ),
    (
        "counter with two tags",
        {
            "ours": 'ours.increment("some.counter", tags=TAGS)',
            "statsd": None,
            "datadog": 'datadog.increment("some.counter", tags=TAG_LIST)',
        },
    ),
    (
        "counter, one in ten",
        {
            "ours": 'ours.increment("some.counter", 0.1)',
            "statsd": 'statsd.incr("some.counter", 1, 0.1)',
            "datadog": 'datadog.increment("some.counter", 1, None, 0.1)',
        },
    ),
    (
        "gauge of a fraction",
        {
            "ours": 'ours.gauge("some.gauge", 3.25)',
            "statsd": 'statsd.gauge("some.gauge", 3.25)',
            "datadog": 'datadog.gauge("some.gauge", 3.25)',
        },
    ),
    (
        "timing",
        {
            "ours": 'ours.timer("some.timer", 25)',
            "statsd": 'statsd.timing("some.timer", 25)',
            "datadog": 'datadog.timing("some.timer", 25)',
        },
    ),
    (
        "timed block",
        {
            "ours": "with timer: pass",
            "statsd": 'with statsd.timer("some.timer"): pass',
            "datadog": 'with datadog.timed("some.timer"): pass',
        },
    ),
    (
        "member of a set",
        {
            "ours": 'ours.set("some.set", "alice")',
            "statsd": 'statsd.set("some.set", "alice")',
            "datadog": 'datadog.set("some.set", "alice")',
        },
    ),
]


def loop(statement, names, after="pass"):
    """A function that does something so many times."""
    scope = dict(names)
    source = "def run(turns, times):\n for _ in turns:\n  for _ in times:\n   {}\n  {}\n"
    exec(source.format(statement, after), scope)
    return scope["run"]


def time_of(function, calls, at_once):
    """Nanoseconds of this thread for a call."""
    turns, times = range(calls // at_once), range(at_once)
    start = time.thread_time_ns()
    function(turns, times)
    return (time.thread_time_ns() - start) / calls


def packages(mode, address):
    """What statements name, in one mode."""
    host, port = address
    batch = mode == "batched"
    ours = client.StatsClient(address, batch=batch)
    stats = client.Stats(ours)
    theirs = statsd.StatsClient(host, port)
    datadog = DogStatsd(host, port, disable_buffering=not batch, disable_telemetry=True)
    return {
        "ours": ours,
        "counter": stats.get_counter("some.counter"),
        "timer": stats.get_timer("some.timer"),
        "statsd": theirs.pipeline() if batch else theirs,
        "datadog": datadog,
        "TAGS": TAGS,
        "TAG_LIST": TAG_LIST,
    }


def measure(mode, statements, names):
    """Nanoseconds for a call of each package, in each turn."""
    calls, functions = CALLS[mode], {}
    for package, statement in statements.items():
        if statement is None:
            continue
        is_pipeline = package == "statsd" and mode == "batched"
        after = "statsd.send()" if is_pipeline else "pass"
        functions[package] = loop(statement, names, after), PIPELINE if is_pipeline else calls
    nothing = loop("pass", names)
    times = {package: [] for package in functions}
    for turn in range(TURNS + 1):
        empty = time_of(nothing, calls, calls)
        for package, (function, at_once) in functions.items():
            spent = time_of(function, calls, at_once) - empty
            if turn > 0:
                times[package].append(spent)
    return times


def table():
    """The lines of the table."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        # Nobody reads from it: what is full is dropped by the kernel, for all alike.
        receiver.bind(("127.0.0.1", 0))
        names = {mode: packages(mode, receiver.getsockname()) for mode in CALLS}
        yield "| call | sending | ours, ns | statsd, ns | datadog, ns | fastest of the two / ours |"
        yield "|---|---|--:|--:|--:|--:|"
        for mode in ("batched", "direct"):
            for what, statements in WORKLOADS:
                times = measure(mode, statements, names[mode])
                middle = {package: statistics.median(of) for package, of in times.items()}
                others = [middle[package] for package in middle if package != "ours"]
                fastest = min(others) / middle["ours"]
                shown = [f"{middle[of]:.0f}" if of in middle else "" for of in PACKAGES]
                yield f"| {what} | {mode} | {' | '.join(shown)} | **{fastest:.1f}** |"
        for names in names.values():
            names["ours"].close()


def processor():
    """What the machine calls its processor."""
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def report():
    """The text for the page."""
    commit = subprocess.check_output(["git", "rev-parse", "--short=12", "HEAD"], text=True)
    now = datetime.datetime.now(datetime.timezone.utc)
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("statsd", "datadog")]
    yield f"* processor: {processor()}"
    yield f"* Python {platform.python_version()}, {', '.join(versions)}"
    yield f"* commit: {commit.strip()}"
    yield f"* date: {now:%Y-%m-%d %H:%M} UTC"
    yield f"* medians of {TURNS} turns"
    yield ""
    yield from table()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table onto the page too")
    options = parser.parse_args()
    lines = []
    for line in report():
        print(line, flush=True)
        lines.append(line)
    if options.write:
        page = PAGE.read_text()
        before, rest = page.split(BEGIN, 1)
        _, after = rest.split(END, 1)
        made = "\n".join(lines)
        PAGE.write_text(f"{before}{BEGIN}\n\n{made}\n\n{END}{after}")


if __name__ == "__main__":
    main()
