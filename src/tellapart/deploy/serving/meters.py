"""What the server tells Prometheus of itself, in a registry of its own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
STAGES: Final = ("body", "decode", "wait", "network", "request")
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Counters, gauges and histograms of one server.

    Attributes:
        requests: By `route`, a template and never what was typed, and `status`.
        photos: By `answer`: class, none of these, not sure, unreadable.
        seconds: By `stage`; see the docs.
        batches: Photos in each pass through the network.
        worker_deaths: Decoding workers that ended before the server did.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter("tellapart_requests", "Requests answered.", ("route", "status"), registry=self.registry)
        self.photos = Counter("tellapart_photos", "Photos by kind of answer.", ("answer",), registry=self.registry)
        self.seconds = Histogram(
            "tellapart_seconds", "Seconds by stage.", ("stage",), registry=self.registry, buckets=_SECONDS
        )
        self.batches = Histogram(
            "tellapart_batch_photos",
            "Photos in one pass through the network.",
            registry=self.registry,
            buckets=(1, 2, 4, 8, 16, 32),
        )
        self.worker_deaths = Counter(
            "tellapart_worker_deaths", "Decoding workers that died and were replaced.", registry=self.registry
        )
        self._stages = {stage: self.seconds.labels(stage) for stage in STAGES}

    def watch(self, name: str, text: str, count: Callable[[], float]) -> None:
        """Add a gauge that is read when it is asked for."""
        Gauge(name, text, registry=self.registry).set_function(count)

    def took(self, stage: str, seconds: float) -> None:
        """Note how long a stage took."""
        self._stages[stage].observe(seconds)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Note how long a block takes."""
        began = perf_counter()
        try:
            yield
        finally:
            self.took(stage, perf_counter() - began)

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self.registry)
