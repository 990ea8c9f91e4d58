"""The command `gstatsd`: it does what the program does."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest

import gstatsd
from conftest import PATIENCE
from gstatsd import client

SCRIPT = pathlib.Path(sys.executable).with_name("gstatsd")


def command(*arguments):
    return [str(SCRIPT), *map(str, arguments)]


def output(*arguments, expected=0):
    done = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == expected, done
    return done.stdout, done.stderr


def wait_until(what):
    """Waits until something is true, and gives it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        value = what()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError("it took too long")


def listening(log):
    """The port a daemon listens on, once its log says so."""
    found = re.search(r"listening on udp://127\.0\.0\.1:(\d+)", log.read_text())
    return found and int(found[1])


@pytest.fixture
def start(tmp_path):
    """Starts a daemon: gives the process and its port."""
    log = tmp_path / "log"
    children = []

    def start(*arguments, **options):
        line = command("-b", "127.0.0.1:0", "-f", "3600", "--log", log, *arguments)
        children.append(subprocess.Popen(line, **options))
        return children[0], wait_until(lambda: log.exists() and listening(log))

    yield start
    for child in children:
        child.kill()
        child.wait()


def test_the_version_is_that_of_the_package():
    assert output("--version") == (f"gstatsd {gstatsd.__version__}\n", "")
    module = subprocess.check_output([sys.executable, "-m", "gstatsd", "--version"], text=True)
    assert module == f"gstatsd {gstatsd.__version__}\n"


def test_exit_codes_are_those_of_the_program(tmp_path):
    out, err = output("-z", expected=2)
    assert out == "" and "-z" in err
    out, err = output("check", tmp_path / "none.toml", expected=1)
    assert out == "" and err.startswith("gstatsd: ")
    out, err = output("explain", "a:1|c")
    assert "a" in out and err == ""


def test_what_is_no_text_is_a_word_too(tmp_path):
    path = os.fsencode(tmp_path / "gr\udcfcn.toml")
    pathlib.Path(os.fsdecode(path)).write_text("")
    done = subprocess.run([*command("check"), path], capture_output=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr


def test_a_reader_that_has_enough_is_no_error():
    with subprocess.Popen(command("docs", "config"), stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        child.stdout.close()
        assert child.wait(PATIENCE) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_flushes_and_ends_it_well(start, number, tmp_path):
    with open(tmp_path / "out", "w+") as out, open(tmp_path / "err", "w+") as err:
        child, port = start(stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        with client.StatsClient(("127.0.0.1", port)) as raw:
            raw.counter("some.counter", 7)
        child.send_signal(number)
        assert child.wait(PATIENCE) == 0
        out.seek(0)
        err.seek(0)
        assert re.search(r"some\.counter +.*7", out.read())
        assert err.read() == ""


def test_sigint_ends_a_command_that_does_not_wait_for_it(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    child = subprocess.Popen(command("replay", fifo), stderr=subprocess.PIPE)
    # It has come so far when it opens the other end.
    with open(fifo, "w"):
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=PATIENCE)
    assert (child.returncode, err) == (-signal.SIGINT, b"")


def test_it_goes_to_the_background(start, tmp_path):
    pid_file = tmp_path / "pid"
    child, port = start("-D", "--pid-file", pid_file, "-s", "console:", stderr=subprocess.PIPE)
    assert child.wait(PATIENCE) == 0
    assert child.stderr.read() == b""
    child.stderr.close()
    daemon = int(pid_file.read_text())
    try:
        assert daemon != child.pid
        fields = pathlib.Path(f"/proc/{daemon}/stat").read_text().rsplit(")", 1)[1].split()
        assert int(fields[1]) != os.getpid(), "it has another parent"
        with client.StatsClient(("127.0.0.1", port)) as raw:
            raw.increment("a")
    finally:
        os.kill(daemon, signal.SIGTERM)
    wait_until(lambda: not pid_file.exists())
    assert "lines.received=1 " in (tmp_path / "log").read_text()


def test_what_is_wrong_is_said_before_it_goes_to_the_background(tmp_path):
    _, err = output("-D", "-p", "0", "-b", "127.0.0.1:0", expected=1)
    assert err.startswith("gstatsd: ") and err.count("\n") == 1


def test_it_starts_without_standard_streams(start):
    def close():
        for number in range(3):
            os.close(number)

    child, _ = start(preexec_fn=close)
    for number in range(3):
        assert os.readlink(f"/proc/{child.pid}/fd/{number}") == "/dev/null"
    child.terminate()
    assert child.wait(PATIENCE) == 0
