"""Metrics under SPIRE's names: instruments to count into, an endpoint for Prometheus, StatsD sinks."""

from finial.runtime.metrics.export import Export, Exporter
from finial.runtime.metrics.exposition import CONTENT_TYPE, exposition
from finial.runtime.metrics.instruments import CANCELED, OK, Calls, Counter, Gauge, Histogram, Sample, Type
from finial.runtime.metrics.names import Filter, rpc_key, sanitized
from finial.runtime.metrics.process import observe_process
from finial.runtime.metrics.readers import Identity, ReaderContext, TlsExport
from finial.runtime.metrics.registry import Family, Metrics
from finial.runtime.metrics.statsd import Dialect, StatsdSink

__all__ = [
    "CANCELED",
    "CONTENT_TYPE",
    "OK",
    "Calls",
    "Counter",
    "Dialect",
    "Export",
    "Exporter",
    "Family",
    "Filter",
    "Gauge",
    "Histogram",
    "Identity",
    "Metrics",
    "ReaderContext",
    "Sample",
    "StatsdSink",
    "TlsExport",
    "Type",
    "exposition",
    "observe_process",
    "rpc_key",
    "sanitized",
]
