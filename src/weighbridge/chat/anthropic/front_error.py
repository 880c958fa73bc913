"""Errors in Anthropic's shape: {"type": "error", "error": {"type", "message"}}.

Source: https://docs.anthropic.com/en/api/errors
"""

from __future__ import annotations

from typing import Any

from weighbridge.chat.dialect import Refusal
from weighbridge.chat.json_text import answer_json
from weighbridge.chat.problems import Problem, problem_of
from weighbridge.errors import WeighbridgeError

KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def refusal(error: WeighbridgeError, request_id: str = "") -> Refusal:
    problem = problem_of(error)
    body = _wire(problem) | ({"request_id": request_id} if request_id else {})
    headers = (("content-type", "application/json"), *problem.headers)
    return Refusal(problem.status, headers + ((("request-id", request_id),) if request_id else ()), answer_json(body))


def error_json(error: WeighbridgeError) -> bytes:
    """As an event of a stream."""
    return answer_json(_wire(problem_of(error)))


def _wire(problem: Problem) -> dict[str, Any]:
    kind = KINDS.get(problem.status, "api_error" if problem.status >= 500 else "invalid_request_error")
    return {"type": "error", "error": {"type": kind, "message": problem.message}}
