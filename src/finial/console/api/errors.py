"""Our kinds of error as answers: what failed and why, and the next step. What is none of ours says nothing of itself."""

from __future__ import annotations

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse

from finial import errors
from finial.errors import FinialError

STATUSES: dict[type[FinialError], HTTPStatus] = {
    errors.InvalidArgument: HTTPStatus.BAD_REQUEST,
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.PermissionDenied: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.AlreadyExists: HTTPStatus.CONFLICT,
    errors.FailedPrecondition: HTTPStatus.CONFLICT,
    errors.ResourceExhausted: HTTPStatus.TOO_MANY_REQUESTS,
    errors.Unsupported: HTTPStatus.NOT_IMPLEMENTED,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.DeadlineExceeded: HTTPStatus.GATEWAY_TIMEOUT,
    errors.Internal: HTTPStatus.BAD_GATEWAY,
}


def told(error: FinialError) -> JSONResponse:
    kind = next(kind for kind in type(error).__mro__ if kind in STATUSES)
    body: dict[str, str] = {"error": error.message, "kind": kind.__name__}
    if error.hint:
        body["hint"] = error.hint
    return JSONResponse(body, STATUSES[kind])


async def handle(_: Request, error: Exception) -> JSONResponse:
    """For FastAPI, of FinialError alone."""
    if not isinstance(error, FinialError):
        raise error
    return told(error)
