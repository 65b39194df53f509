"""Errors as RFC 9457 problems: which error is which HTTP status, and what the caller can do about it."""

import re
from collections.abc import Mapping, MutableMapping, Sequence
from math import ceil
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ExceptionHandler

from recommender import errors
from recommender.errors import RecommenderError
from serving.problem_document import problem_response

STATUS: dict[type[RecommenderError], int] = {
    errors.UnknownPlacement: 404,
    errors.UnknownItem: 404,
    errors.UnknownDecision: 404,
    errors.UnknownProfile: 404,
    errors.UnknownMerge: 404,
    errors.UnknownRequest: 404,
    errors.Unauthenticated: 401,
    errors.NotAllowed: 403,
    errors.TooManyRequests: 429,
    errors.InvalidRule: 422,
    errors.InvalidPlacement: 422,
    errors.InvalidInput: 422,
    errors.InvalidCampaign: 422,
    errors.UnknownCampaign: 404,
    errors.UnknownOffer: 404,
    errors.UnknownPlace: 404,
    errors.Conflict: 409,
    errors.ChangedMeanwhile: 412,
    errors.Erased: 409,
    errors.LinkInvalid: 410,
    errors.NoCoupon: 409,
    errors.KeyMissing: 400,
    errors.KeyReused: 422,
    errors.StillRunning: 409,
    errors.CouponRefused: 409,
    errors.ConditionMissing: 428,
    errors.NoArtifact: 503,
    errors.BrokenArtifact: 503,
    errors.StoreUnavailable: 503,
}
RETRY_AFTER_SECONDS = 1
HEADERS: dict[int | str, dict[str, str]] = {  # by status, or by code
    401: {"www-authenticate": 'Bearer, Basic realm="recommender"'},
    errors.StillRunning.code: {"retry-after": str(RETRY_AFTER_SECONDS)},
    503: {"retry-after": str(RETRY_AFTER_SECONDS)},
}

# What to say of the statuses that the framework itself gives: a stable code and the remedy.
FRAMEWORK: dict[int, tuple[str, str]] = {
    400: ("broken_request", "Send a well-formed HTTP request."),
    404: ("not_found", "See /docs for the paths that exist."),
    405: ("method_not_allowed", "See /docs for the methods of this path."),
    413: ("body_too_large", "Send less in one request, or several requests."),
    415: ("unsupported_media_type", "Send JSON, with the header Content-Type: application/json."),
}

REMEDIES: dict[str, str] = {
    "missing": "Add this field.",
    "extra_forbidden": "Remove this field, or see /docs for how it is spelled.",
    "string_type": "Send a JSON string.",
    "string_too_short": "Send at least one character.",
    "string_too_long": "Send a shorter string.",
    "string_pattern_mismatch": "Leave out the NUL character.",
    "int_type": "Send a whole number, without quotes.",
    "int_parsing": "Send a whole number.",
    "int_from_float": "Send a whole number.",
    "bool_type": "Send true or false, without quotes.",
    "list_type": "Send a JSON array.",
    "too_long": "Send fewer entries.",
    "too_short": "Send at least one entry.",
    "model_type": "Send a JSON object.",
    "model_attributes_type": "Send a JSON object.",
    "dict_type": "Send a JSON object.",
    "row": "Correct the row (docs/formats.md has the columns), and send all rows again: none was taken.",
}
# Texts that are shown when they are wrong: a word or a small number. Others may be a key, a token, a contact.
HARMLESS = re.compile(r"[A-Za-z_. -]{0,20}|-?[0-9.]{1,6}")


def internal_problem(scope: MutableMapping[str, Any]) -> Response:
    """What the caller hears of an error of ours: where to find it in the logs, and nothing of its inside."""
    detail = "The service failed to answer; the log names the cause under this request_id."
    return problem_response(scope, 500, "internal_error", detail, remedy="Try again; report the request_id.")


def _pointer(parts: Sequence[int | str]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _pointer_of_field(field: str) -> str:
    """JSON Pointer of a field as errors spell it: `items[3].price` is `/items/3/price`."""
    return _pointer([part for part in field.replace("[", ".").replace("]", "").split(".") if part])


def _shown(value: object) -> str:
    match value:
        case None | bool() | float():
            return repr(value)
        case int():
            return repr(value) if abs(value) < 10**6 else "a large number"
        case str():
            return repr(value) if HARMLESS.fullmatch(value) else f"a text of {len(value)} characters"
        case _:
            return "an object" if isinstance(value, Mapping) else "a list"


async def _on_recommender_error(request: Request, error: RecommenderError) -> Response:
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
    if status == 500:
        raise error
    wrong: list[Mapping[str, object]] = []
    if error.field is not None:
        where = "parameter" if error.field in request.path_params else "pointer"
        place = error.field if where == "parameter" else _pointer_of_field(error.field)
        wrong.append({where: place, "detail": str(error), "remedy": error.remedy})
    headers = HEADERS.get(error.code, HEADERS.get(status))
    if isinstance(error, errors.TooManyRequests):
        headers = {"retry-after": str(ceil(error.retry_after_seconds))}
    return problem_response(
        request.scope, status, error.code, str(error), remedy=error.remedy, wrong=wrong, headers=headers
    )


async def _on_http_exception(request: Request, error: HTTPException) -> Response:
    code, remedy = FRAMEWORK.get(error.status_code, ("http_error", ""))
    return problem_response(
        request.scope, error.status_code, code, str(error.detail), remedy=remedy, headers=error.headers
    )


async def _on_invalid_request(request: Request, error: RequestValidationError) -> Response:
    found = list(error.errors())
    broken = next((entry for entry in found if entry["type"] == "json_invalid"), None)
    if broken is not None:
        reason = broken.get("ctx", {}).get("error", broken["msg"])
        detail = f"The body is not valid JSON: {reason}."
        return problem_response(request.scope, 400, "broken_json", detail, remedy="Send one well-formed JSON object.")
    if not is_json(request) and any(entry["loc"] == ("body",) for entry in found):
        return unsupported_media_type(request)
    wrong = [_field_problem(entry) for entry in found]
    first = wrong[0]
    place = first.get("parameter") or str(first.get("pointer", "")).lstrip("/").replace("/", ".") or "the body"
    more = f" (and {len(wrong) - 1} more, see `errors`)" if len(wrong) > 1 else ""
    return problem_response(
        request.scope,
        422,
        "invalid_input",
        f"{place}: {first['detail']}{more}",
        remedy=str(first["remedy"]),
        wrong=wrong,
    )


def _field_problem(entry: Mapping[str, Any]) -> dict[str, object]:
    place, *path = entry["loc"]
    where: dict[str, object] = {"pointer": _pointer(path)} if place == "body" else {"parameter": str(path[-1])}
    got = {} if entry["type"] == "missing" else {"got": _shown(entry.get("input"))}
    remedy = REMEDIES.get(entry["type"], "See /docs for what this field takes.")
    return {**where, "detail": entry["msg"], **got, "remedy": remedy}


def is_json(request: Request) -> bool:
    """Whether the request says that its body is JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def unsupported_media_type(request: Request) -> Response:
    """Say that only JSON is read here."""
    got = request.headers.get("content-type", "no content type")
    code, remedy = FRAMEWORK[415]
    return problem_response(request.scope, 415, code, f"The body must be JSON, got {got[:100]}.", remedy=remedy)


def answer_with_problems(app: FastAPI) -> None:
    """Make every error of the application a problem."""
    for kind, answer in (
        (RecommenderError, _on_recommender_error),
        (HTTPException, _on_http_exception),
        (RequestValidationError, _on_invalid_request),
    ):
        # Starlette types every handler as one of any Exception; it calls each with its own kind only.
        app.add_exception_handler(kind, cast("ExceptionHandler", answer))
