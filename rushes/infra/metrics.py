"""Prometheus metrics of the workers."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from rushes.infra.cache.counts import CacheCounts

BATCH_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
"""From one cheap event to a long film."""

STATES: Final = ("idle", "working", "stalled")


class Metrics:
    """All metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.events: Final = Counter(
            "rushes_events", "Events settled, by result.", ("stage", "result"), registry=self.registry
        )
        self.dead_letters: Final = Counter(
            "rushes_dead_letters", "Dead letters, by error code.", ("stage", "code"), registry=self.registry
        )
        self.retries: Final = Counter(
            "rushes_retries", "Attempts that failed and were repeated, by error code.", ("stage", "code"),
            registry=self.registry,
        )  # fmt: skip
        self.surplus: Final = Counter(
            "rushes_surplus_outcomes", "Outcomes of events that had ended: a defect of the stage.", ("stage",),
            registry=self.registry,
        )  # fmt: skip
        self.batch_s: Final = Histogram(
            "rushes_batch_seconds", "Time from a batch's delivery to its last settled event.", ("stage",),
            buckets=BATCH_BUCKETS_S, registry=self.registry,
        )  # fmt: skip
        self.lag: Final = Gauge(
            "rushes_consumer_lag", "Records waiting or in hand.", ("stage", "topic", "partition"),
            registry=self.registry,
        )  # fmt: skip
        self.progress_age_s: Final = Gauge(
            "rushes_progress_age_seconds", "Since something moved, while work is waiting; 0 when idle.", ("stage",),
            registry=self.registry,
        )  # fmt: skip
        self.state: Final = Gauge(
            "rushes_stage_state", "1 for the state the stage is in.", ("stage", "state"), registry=self.registry
        )
        self.items_arrived: Final = Counter("rushes_items_arrived", "Items decided on arrival.", registry=self.registry)
        self.items_revised: Final = Counter(
            "rushes_items_revised",
            "Items that consolidation decided anew; of 1,000 that arrived, this is the churn.",
            registry=self.registry,
        )
        self.models: Final = Gauge(
            "rushes_model_info",
            "1 for each model that looks at pictures. `fallback`: the model that it stands in for, empty where none.",
            ("kind", "model", "weak", "fallback"), registry=self.registry,
        )  # fmt: skip

    def count_churn(self, arrived: int, revised: int) -> None:
        """Items that arrived in a library, and those that consolidation decided anew."""
        self.items_arrived.inc(arrived)
        self.items_revised.inc(revised)

    def set_models(self, kinds: Mapping[str, tuple[str, bool]], fallbacks: Mapping[str, str]) -> None:
        """Which models look, by kind: (model or detector id, weak); and what each fallback stands in for."""
        self.models.clear()
        for kind, (model, weak) in kinds.items():
            self.models.labels(kind, model, str(weak).lower(), fallbacks.get(kind, "")).set(1)

    def watch_cache(self, counts: Callable[[], CacheCounts]) -> None:
        """Tell what the embedding cache did whenever it is asked: `rushes_cache_lookups`, `rushes_cache_bytes`."""
        self.registry.register(_CacheCollector(counts))

    def set_state(self, stage: str, state: str) -> None:
        """Mark one of STATES as the present one."""
        for known in STATES:
            self.state.labels(stage, known).set(float(known == state))

    def serve(self, port: int, address: str = "0.0.0.0") -> None:  # noqa: S104 - scraped from other hosts
        """Serve them over HTTP from a thread of its own."""
        start_http_server(port, addr=address, registry=self.registry)


class _CacheCollector(Collector):
    """Reads the cache's own counts at each scrape, so that nothing is counted twice."""

    def __init__(self, counts: Callable[[], CacheCounts]) -> None:
        self._counts = counts

    def collect(self) -> Iterator[CounterMetricFamily]:
        now = self._counts()
        lookups = CounterMetricFamily(
            "rushes_cache_lookups",
            "Of keyframes in the embedding cache. `damaged` are misses too; `skipped`: it was away.",
            labels=("result",),
        )
        for result in ("hits", "misses", "damaged", "skipped"):
            lookups.add_metric((result,), getattr(now, result))
        moved = CounterMetricFamily(
            "rushes_cache_bytes", "Read from and written to the embedding cache.", labels=("way",)
        )
        moved.add_metric(("read",), now.bytes_read)
        moved.add_metric(("written",), now.bytes_written)
        yield lookups
        yield moved
