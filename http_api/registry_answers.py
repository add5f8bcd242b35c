"""How the registry refuses: JSON with ``errors``, in the codes of OCI Distribution."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from providers.blobs.errors import BlobMismatch, BlobMissing, DigestInvalid
from providers.errors import ProviderError, ProviderUnavailable
from providers.images.errors import ImageRejected, UploadBusy
from services.errors import Forbidden
from services.platform.issuer import InvalidToken
from storage.errors import Unavailable

_BASIC: Final = {"WWW-Authenticate": 'Basic realm="slipway", charset="UTF-8"'}
_LATER: Final = {"Retry-After": "5"}
_STATUS: Final[Mapping[str, int]] = {
    "BLOB_UNKNOWN": 404,
    "BLOB_UPLOAD_INVALID": 400,
    "BLOB_UPLOAD_UNKNOWN": 404,
    "DENIED": 403,
    "MANIFEST_BLOB_UNKNOWN": 404,
    "MANIFEST_INVALID": 400,
    "MANIFEST_UNKNOWN": 404,
    "NAME_INVALID": 400,
    "NAME_UNKNOWN": 404,
    "TOOMANYREQUESTS": 429,
    "UNSUPPORTED": 405,
}
_CODES: Final[Mapping[int, str]] = {413: "SIZE_INVALID", 416: "BLOB_UPLOAD_INVALID"}
View = Callable[[Request], Awaitable[Response]]


def refused(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """One error."""
    return JSONResponse({"errors": [{"code": code, "message": message}]}, status_code=status, headers=headers)


def told(view: View) -> View:
    """The view, with whatever it refuses told to the client."""

    async def answered(request: Request) -> Response:
        try:
            return await view(request)
        except ClientDisconnect:
            return Response(status_code=400)  # to nobody
        except (ProviderError, Forbidden, InvalidToken, HTTPException, Unavailable) as error:
            answer = _answer(error)
        if answer.status_code in {403, 408, 413, 415, 429} and request.method in {"PATCH", "POST", "PUT"}:
            answer.headers["Connection"] = "close"  # what is left of the body is not read
        return answer

    return answered


def _answer(error: Exception) -> Response:
    match error:
        case InvalidToken():
            return refused(401, "UNAUTHORIZED", str(error), _BASIC)
        case Forbidden():
            return refused(403, "DENIED", error.message)
        case HTTPException():
            code = _CODES.get(error.status_code, "BLOB_UPLOAD_INVALID")
            return refused(error.status_code, code, error.detail, error.headers)
        case UploadBusy():
            return refused(409, error.code, str(error))
        case ImageRejected():
            status = _STATUS[error.code]
            return refused(status, error.code, str(error), _LATER if status == 429 else None)
        case DigestInvalid() | BlobMismatch():
            return refused(400, "DIGEST_INVALID", str(error))
        case BlobMissing():
            return refused(404, "BLOB_UNKNOWN", str(error))
        case ProviderUnavailable() | Unavailable():
            return refused(503, "TOOMANYREQUESTS", f"{error}: try again later", _LATER)
    return refused(500, "UNSUPPORTED", str(error))
