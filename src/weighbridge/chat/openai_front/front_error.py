"""Errors in OpenAI's shape: {"error": {"message", "type", "param", "code"}}.

Source: https://platform.openai.com/docs/guides/error-codes
"""

from __future__ import annotations

from typing import Any

from weighbridge.chat.dialect import Refusal
from weighbridge.chat.json_text import answer_json
from weighbridge.chat.problems import Problem, problem_of
from weighbridge.errors import WeighbridgeError

KINDS = {
    401: ("authentication_error", "invalid_api_key"),
    402: ("insufficient_quota", "insufficient_quota"),
    403: ("permission_error", None),
    404: ("invalid_request_error", "model_not_found"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
    503: ("server_error", "overloaded"),
    504: ("server_error", "timeout"),
}


def refusal(error: WeighbridgeError, request_id: str = "") -> Refusal:
    problem = problem_of(error)
    headers = (("content-type", "application/json"), *problem.headers)
    headers += (("x-request-id", request_id),) if request_id else ()
    return Refusal(problem.status, headers, answer_json(error_wire(problem)))


def error_json(error: WeighbridgeError) -> bytes:
    """As the data of an event."""
    return answer_json(error_wire(problem_of(error)))


def error_wire(problem: Problem) -> dict[str, Any]:
    usual = ("server_error" if problem.status >= 500 else "invalid_request_error", None)
    kind, code = KINDS.get(problem.status, usual)
    return {"error": {"message": problem.message, "type": kind, "param": problem.field, "code": code}}
