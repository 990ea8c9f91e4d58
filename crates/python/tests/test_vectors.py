"""The recorded answers of gstatsd 0.6."""

import json
import math
import pathlib

import pytest

from gstatsd import client

VECTORS = pathlib.Path(__file__).parents[3] / "testdata" / "gstatsd.json"
CASES = json.loads(VECTORS.read_text())["client"]

#: What ours does where the recording says that it differs: what it sends, and what it raises.
DIFFERENT = {
    "an int of any size is printed in full": (["foo:100000000000000000000|c"], None),
    "the rate as Python 3 prints it: 0.3333333333333333": (["foo:1|c|@0.3333333333333333"], None),
    "ValueError: not finite": ([], ValueError),
    "one line whose name is escaped: nothing can be forged": (["a%3Ab%7Cc:1|c"], None),
    "nothing is sent: counted as an error of the client": ([], None),
    "TypeError": ([], TypeError),
    "a monotonic clock: never negative": (["t:0|ms"], None),
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["call"])
@pytest.mark.parametrize("batch", [False, True], ids=["direct", "batch"])
def test_answer(case, batch, receiver, fake_time, monkeypatch):
    monkeypatch.setattr("random.random", lambda: case["random"])
    if case["differs"] is not None:
        sent, error = DIFFERENT[case["differs"]]
    else:
        sent, error = case["sent"], case["exception"]
        if error is not None:
            error, text = error.split(": ", 1)
            error = {"TypeError": TypeError, "UserWarning": UserWarning}[error]
    c = client.StatsClient(receiver.hostport, batch=batch)
    names = {"c": c, "cli": client.Stats(c), "adv": fake_time.advance}
    names.update(nan=math.nan, inf=math.inf)
    if error is None:
        exec(case["call"], names)
    else:
        with pytest.raises(error) as raised:
            exec(case["call"], names)
        if error is UserWarning:
            assert str(raised.value) == text
    c._send("end")
    assert c.close()
    lines = receiver.lines(len(sent) + 1) if batch else receiver.datagrams(len(sent) + 1)
    assert lines == sent + ["end"]
    is_error = case["differs"] == "nothing is sent: counted as an error of the client"
    assert c.counts()["dropped"] == ({"empty_name": 1} if is_error else {})


def test_every_difference_has_a_case():
    assert {case["differs"] for case in CASES} == {None, *DIFFERENT}
