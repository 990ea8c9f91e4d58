"""What the tests have in common: a receiver, and programs that run on their own."""

import os
import socket
import subprocess
import sys

import pytest

from gstatsd import client

#: How long to wait for what has to come, in seconds.
PATIENCE = 20.0


class Receiver:
    """A UDP socket of this machine."""

    def __init__(self, family=socket.AF_INET, host="127.0.0.1"):
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.socket.settimeout(PATIENCE)
        self.host, self.port = self.socket.getsockname()[:2]
        self.hostport = (self.host, self.port)

    def datagram(self):
        """The next datagram."""
        return self.socket.recv(65_536).decode()

    def datagrams(self, count):
        return [self.datagram() for _ in range(count)]

    def lines(self, count):
        """So many lines, in however many datagrams."""
        lines = []
        while len(lines) < count:
            lines += self.datagram().split("\n")
        return lines

    def until(self, last):
        """The datagrams before one."""
        return list(iter(self.datagram, last))

    def waiting(self):
        """The datagrams that have come already."""
        datagrams = []
        self.socket.setblocking(False)
        try:
            while True:
                datagrams.append(self.datagram())
        except BlockingIOError:
            return datagrams
        finally:
            self.socket.settimeout(PATIENCE)


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.socket.close()


@pytest.fixture
def raw(receiver):
    """A client that sends each line at once."""
    with client.StatsClient(receiver.hostport) as raw:
        yield raw


class FakeTime:
    """Stands for the module ``time`` in ``gstatsd.client``."""

    def __init__(self):
        self.now = 1_000_000_000.0

    def time(self):
        return self.now

    def advance(self, seconds):
        self.now += seconds


@pytest.fixture
def fake_time(monkeypatch):
    fake = FakeTime()
    monkeypatch.setattr(client, "time", fake)
    return fake


@pytest.fixture
def run():
    """Runs a Python program to its end, and gives what it printed."""

    def run(program, *arguments, expected=0):
        command = [sys.executable, "-W", "error", "-c", program, *map(str, arguments)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, env=dict(os.environ)
        )
        assert done.returncode == expected, done.stderr
        assert done.stderr == ""
        return done.stdout

    return run
