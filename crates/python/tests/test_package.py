"""The package around the client: types, texts, examples."""

import importlib.metadata
import inspect
import pathlib
import re
import subprocess
import sys

import pytest

import gstatsd
from gstatsd import client

CRATE = pathlib.Path(__file__).parents[1]
EXAMPLES = sorted((CRATE / "examples").glob("*.py"))


def test_the_version_is_that_of_the_distribution():
    assert importlib.metadata.version("gstatsd") == gstatsd.__version__
    (script,) = (
        script
        for script in importlib.metadata.distribution("gstatsd").entry_points
        if script.group == "console_scripts"
    )
    assert (script.name, script.value) == ("gstatsd", "gstatsd.service:main")


def test_the_stubs_are_those_of_the_package(tmp_path):
    command = [sys.executable, "-m", "mypy.stubtest", "gstatsd"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_program_of_a_user_is_checked_with_them(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        """
from gstatsd import client

raw = client.StatsClient(("", 8125), batch=True)
stats = client.Stats(raw)
stats.get_counter("a").add("1")  # wrong

@stats.get_timer("t")
def double(n: int) -> int:
    return 2 * n

@raw.timed("t")
async def later(n: int) -> str:
    return str(n)

double("1")  # wrong
"""
    )
    command = [sys.executable, "-m", "mypy", "--strict", str(program)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert re.findall(r"program.py:(\d+): error", done.stdout) == ["6", "16"], done.stdout


def public(of):
    return [(name, value) for name, value in inspect.getmembers(of) if not name.startswith("_")]


def test_everything_public_says_what_it_is():
    assert gstatsd.__doc__ and client.__doc__
    for name in client.__all__:
        of = getattr(client, name)
        assert of.__doc__, name
        assert of.__module__ == "gstatsd.client"
        for method, value in public(of):
            assert not callable(value) or value.__doc__, (name, method)
    assert set(client.__all__) <= set(vars(client))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(example, run, receiver):
    out = run(example.read_text(), receiver.port)
    assert out == ""
    expected = re.findall(r"^#: (.*)$", example.read_text(), re.MULTILINE)
    assert expected, "an example says what it sends"
    lines = receiver.lines(len(expected))
    for line, pattern in zip(sorted(lines), sorted(expected)):
        assert re.fullmatch(pattern, line), lines
    assert receiver.waiting() == []


def test_there_are_examples():
    assert len(EXAMPLES) >= 6
