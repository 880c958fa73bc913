"""Calls as OpenTelemetry traces, after the semantic conventions for generative AI.

    server span     `POST /v1/chat/completions`   the request as it came, within the client's trace (`traceparent`)
    client span     `chat MODEL`                  each request to a backend, which gets a `traceparent` of its own
    internal span   the same                      each request to an engine that is asked in process

No prompt and no answer is in a span. Spans are sent by OTLP over HTTP from a thread of the SDK; a collector that does
not answer costs traces, never calls.
Conventions: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/ (1.41), https://www.w3.org/TR/trace-context/
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from weighbridge import __version__
from weighbridge.engines.addresses import address_of
from weighbridge.ledger import CallRow

from .ask import Ask
from .config_tables import TracesTable
from .otel_asked import asked_of
from .routes import Aim

PROVIDERS = {"gemini": "gcp.gemini", "responses": "openai"}
"""Kinds of backends that the conventions know by another name."""
HOSTS = {
    "api.deepseek.com": "deepseek",
    "api.groq.com": "groq",
    "api.mistral.ai": "mistral_ai",
    "api.perplexity.ai": "perplexity",
    "api.x.ai": "x_ai",
}
"""Vendors of OpenAI's dialect, by their address."""
OPERATIONS = {"/v1/completions": "text_completion", "/api/generate": "text_completion"}
PATHS = ("/v1/embeddings", "/api/embed", "/api/embeddings")
NS = 1_000_000_000
CLOSE_MS = 3000
_AT = {name: place for place, name in enumerate(CallRow.__struct_fields__, 1)}


class Trace:
    """Of one call."""

    def __init__(self, tracer: OtelTracer, span: Span, ask: Ask) -> None:
        self.tracer = tracer
        self.span = span
        self.path = ask.head.path
        self.attempts: list[tuple[Aim, Span]] = []
        self._context = set_span_in_context(span)
        self._asked = asked_of(ask.carrier.cache_body, stream=ask.carrier.stream)
        self._stream = ask.carrier.stream
        self._is_hedged = ask.route.hedge is not None

    def on_request(self, aim: Aim, data: bytes) -> bytes:
        """A request to a backend, which is given this attempt's place in the trace; an engine here has no bytes to put
        it in."""
        if self.attempts and not self._is_hedged:
            fail(self.attempts[-1][1], "failed over")
        operation = "embeddings" if self.path in PATHS else OPERATIONS.get(self.path, "chat")
        named = {"gen_ai.operation.name": operation, "gen_ai.request.model": aim.model, **self._asked, **reached(aim)}
        kind = SpanKind.CLIENT if aim.door.local is None else SpanKind.INTERNAL
        span = self.tracer.span(f"{operation} {aim.model}", kind, named, self._context)
        self.attempts.append((aim, span))
        if aim.door.local is not None:
            return data
        fields: dict[str, str] = {}
        self.tracer.propagator.inject(fields, set_span_in_context(span))
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode("latin-1")
        first, _, rest = data.partition(b"\r\n")
        return b"".join((first, b"\r\n", lines, rest))

    def end(self, line: Sequence[Any], reasons: Sequence[str]) -> None:
        said = {name: line[place] for name, place in _AT.items()}
        answered = self._answered(said)
        for _, span in self.attempts:
            if span is answered:
                self._end_attempt(span, said, reasons)
            else:
                span.end()
        self.span.set_attribute("http.response.status_code", said["status"] or 0)
        shown = {
            name: said[name] for name in ("usd", "usd_is", "backend", "outcome", "flags") if said[name] is not None
        }
        self.span.set_attributes({f"weighbridge.{name}": value for name, value in shown.items()})
        if (said["status"] or 500) >= 500:
            fail(self.span, said["reason"] or str(said["status"]))
        self.span.end()

    def _answered(self, said: Mapping[str, Any]) -> Span | None:
        """The attempt that the call is told of; of two that were asked at once it may be the first."""
        place = said["backend"], said["model_asked"]
        found = [span for aim, span in self.attempts if (aim.backend, aim.model) == place]
        return found[-1] if found else None

    def _end_attempt(self, span: Span, said: Mapping[str, Any], reasons: Sequence[str]) -> None:
        counts = {
            "gen_ai.response.model": said["model_served"],
            "gen_ai.response.finish_reasons": reasons or None,
            "gen_ai.usage.input_tokens": said["input_tokens"],
            "gen_ai.usage.output_tokens": said["output_tokens"],
            "gen_ai.usage.cache_read.input_tokens": said["cached_tokens"],
            "gen_ai.usage.reasoning.output_tokens": said["reasoning_tokens"],
            "gen_ai.response.time_to_first_chunk": said["ttft_s"] if self._stream else None,
        }
        span.set_attributes({name: value for name, value in counts.items() if value is not None})
        if said["outcome"] == "failed":
            fail(span, said["reason"] or "error")
        span.end()


class OtelTracer:
    """Belongs to one worker, and is made in it: the SDK's thread does not survive a fork."""

    def __init__(self, table: TracesTable, headers: Mapping[str, str]) -> None:
        """`headers` as they are sent, secrets looked up."""
        sampler = ParentBased(TraceIdRatioBased(table.share))
        resource = Resource({"service.name": table.service, "service.version": __version__})
        self._provider = TracerProvider(sampler=sampler, resource=resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint=f"{table.endpoint.rstrip('/')}/v1/traces", headers=headers, timeout=5)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("weighbridge", __version__)
        self.propagator = TraceContextTextMapPropagator()
        self._traces: dict[str, Trace] = {}

    def span(self, name: str, kind: SpanKind, attributes: Mapping[str, Any], context: Any) -> Span:
        return self._tracer.start_span(name, context, kind, attributes, start_time=time.time_ns())

    def begin(self, call_id: str, ask: Ask) -> None:
        head = ask.head
        named: dict[str, Any] = {
            "http.request.method": head.method,
            "http.route": head.path,
            "url.path": head.path,
            "url.scheme": "http",
            "weighbridge.request_id": call_id,
            "weighbridge.route": ask.route.model,
        }
        if ask.caller is not None:
            named["weighbridge.key"] = ask.caller.id
        parent = self.propagator.extract(head.fields)
        span = self.span(f"{head.method} {head.path}", SpanKind.SERVER, named, parent)
        trace = self._traces[call_id] = Trace(self, span, ask)
        ask.carrier.on_request = trace.on_request

    def ended(self, line: Sequence[Any], reasons: Sequence[str]) -> None:
        trace = self._traces.pop(line[_AT["id"]], None)
        if trace is not None:
            trace.end(line, reasons)

    def close(self) -> None:
        self._provider.force_flush(CLOSE_MS)
        self._provider.shutdown()


def reached(aim: Aim) -> dict[str, Any]:
    """Who is asked, and where."""
    record = aim.door.record
    address = address_of(record)
    parts = urlsplit(address or "")
    named: dict[str, Any] = {
        "gen_ai.provider.name": HOSTS.get(parts.hostname or "", PROVIDERS.get(record.kind, record.kind)),
        "weighbridge.backend": aim.backend,
    }
    if parts.hostname:
        named["server.address"] = parts.hostname
        named["server.port"] = parts.port or (443 if parts.scheme == "https" else 80)
    return named


def fail(span: Span, kind: str) -> None:
    span.set_attribute("error.type", kind)
    span.set_status(Status(StatusCode.ERROR, kind))
