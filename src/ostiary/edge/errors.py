"""The HTTP status of each error; each front writes the body in its own format."""

from __future__ import annotations

from ostiary.domain import errors

STATUS: dict[str, int] = {
    errors.BadInput.code: 400,
    errors.BadCursor.code: 400,
    errors.NotFound.code: 404,
    errors.AlreadyExists.code: 409,
    errors.Protected.code: 409,
    errors.NotAllowed.code: 403,
    errors.NotSignedIn.code: 401,
    errors.CrossSite.code: 403,
    errors.WrongCredentials.code: 401,
    errors.TooManyFailures.code: 429,
    errors.PasswordMustChange.code: 403,
    errors.ReauthenticationNeeded.code: 403,
    errors.CurrentSession.code: 409,
    errors.DeviceTaken.code: 409,
    errors.Overloaded.code: 503,
    errors.Unavailable.code: 503,
    errors.Misconfigured.code: 500,
}

_RETRY_SOON = 2


def status_of(error: errors.OstiaryError) -> int:
    """The HTTP status that fits an error."""
    return STATUS.get(error.code, 500)


def headers_of(error: errors.OstiaryError) -> dict[str, str]:
    """``Retry-After`` where waiting helps (RFC 9110, 10.2.3)."""
    if isinstance(error, errors.TooManyFailures):
        return {"Retry-After": str(error.retry_after)}
    if isinstance(error, errors.Overloaded | errors.Unavailable):
        return {"Retry-After": str(_RETRY_SOON)}
    return {}
