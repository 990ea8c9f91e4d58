import random as random
import time as time
from collections.abc import Callable
from typing import Any, TypeVar

from typing_extensions import Self

from gstatsd import _native
from gstatsd._native import _Address, _Client, _Tags

__all__ = ["Stats", "StatsClient", "StatsCounter", "StatsGauge", "StatsTimer"]

_Function = TypeVar("_Function", bound=Callable[..., Any])

class StatsClient(_native.StatsClient):
    HOSTPORT: _Address
    def __init__(
        self,
        hostport: _Address | None = None,
        *,
        prefix: str = "",
        tags: _Tags | None = None,
        batch: bool = False,
        max_delay: float = 0.1,
        max_packet: int | None = None,
        max_buffer: int = 1048576,
        own_metrics: str = "statsd.client",
    ) -> None: ...
    def timed(self, key: str, *, tags: _Tags | None = None) -> StatsTimer: ...

class StatsCounter(_native.Counter):
    def __init__(
        self,
        client: _Client,
        key: str | list[str] | tuple[str, ...],
        sample_rate: float = 1,
        *,
        tags: _Tags | None = None,
    ) -> None: ...

class StatsTimer(_native.Timer):
    def __init__(self, client: _Client, key: str, *, tags: _Tags | None = None) -> None: ...
    def __call__(self, function: _Function) -> _Function: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *exception: object) -> None: ...

class StatsGauge(_native.Gauge):
    def __init__(
        self, client: _Client, key: str, sample_rate: float = 1, *, tags: _Tags | None = None
    ) -> None: ...

class Stats:
    def __init__(self, client: _Client) -> None: ...
    def get_counter(
        self,
        key: str | list[str] | tuple[str, ...],
        sample_rate: float = 1,
        *,
        tags: _Tags | None = None,
    ) -> StatsCounter: ...
    def get_timer(self, key: str, *, tags: _Tags | None = None) -> StatsTimer: ...
    def get_gauge(self, key: str, *, tags: _Tags | None = None) -> StatsGauge: ...
