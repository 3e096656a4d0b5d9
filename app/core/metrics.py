"""Prometheus metrics, one answer for all workers of a parent."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

if TYPE_CHECKING:
    from collections.abc import Iterable

DURATION = Histogram(
    "lianbing_http_request_seconds",
    "Seconds from the request's head to the answer's end, by route, method and status",
    ["route", "method", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
BATCHES = Histogram(
    "lianbing_batch_size",
    "Items written by one transaction of the hot path",
    ["batcher"],
    buckets=(1, 2, 4, 8, 16, 32, 64, 128),
)
ANSWERS = Counter("lianbing_answers", "Answers judged, by outcome", ["outcome"])
SIGN_INS = Counter("lianbing_sign_ins", "Sign-in attempts, by outcome", ["outcome"])
DELIVERIES = Counter("lianbing_deliveries", "Delivery attempts, by channel kind and outcome", ["channel", "outcome"])
ALERTS = Counter("lianbing_alerts", "Deliveries that need a person, by how administrators were told", ["way"])
TICKS = Counter("lianbing_ticks", "Rounds of planner and worker, by outcome", ["outcome"])
SOCKETS = Gauge("lianbing_match_sockets", "Open sockets of matches", multiprocess_mode="livesum")


def exposition() -> tuple[Iterable[bytes], str]:
    """Return the metrics of every worker of this parent (of this process where there is no parent)."""
    registry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return [generate_latest(registry)], CONTENT_TYPE_LATEST
