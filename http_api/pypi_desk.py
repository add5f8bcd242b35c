"""Who asks a Python feed, of which project, and what its refusals look like: plain text, which clients show."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid4

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from http_api.credentials import token_of
from providers.errors import ProviderRejected, ProviderUnavailable
from services.actor import Actor
from services.errors import Conflict, Forbidden, NotFound, SlipwayError
from services.packaging.packages import PackageService
from services.platform.issuer import InvalidToken
from storage.access import Cause
from storage.engine import Database
from storage.errors import Unavailable
from storage.ids import public_id
from storage.unit_of_work import UnitOfWork

_CHALLENGE: Final = {"WWW-Authenticate": 'Basic realm="slipway", charset="UTF-8"'}
_STATUS: Final = {Forbidden: 403, NotFound: 404, Conflict: 409}
View = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A caller at a project's feed, whose token was found good for it."""

    actor: Actor
    project_id: UUID
    cause: Cause


class PypiDesk:
    """Foreign tenants and projects look as absent ones do."""

    def __init__(
        self, database: Database, packages: PackageService, authenticate: Callable[[str], Awaitable[Actor]]
    ) -> None:
        self.database = database
        self.packages = packages
        self._authenticate = authenticate

    async def visit(self, request: Request, *, writing: bool = False) -> Visit:
        """HTTPException 401 without a token that is alive; NotFound, Forbidden."""
        try:
            actor = await self._authenticate(token_of(request.headers.get("authorization", "")))
        except InvalidToken as error:
            raise HTTPException(401, str(error), headers=_CHALLENGE) from error
        cause = _cause(request, actor)
        path = (request.path_params["tenant"], request.path_params["project"])
        async with self.database.reading(actor.access) as session:
            uow = UnitOfWork(session, actor.access, cause)
            project_id = await self.packages.served(uow, actor, path, writing=writing)
        return Visit(actor=actor, project_id=project_id, cause=cause)


def told(view: View) -> View:
    """The view, with its refusals as answers; the connection of a refused upload ends, for its rest is not read."""

    async def answered(request: Request) -> Response:
        try:
            return await view(request)
        except HTTPException as error:
            return _refused(error.detail, error.status_code, dict(error.headers or {}))
        except SlipwayError as error:
            words = f"{error.message}: {error.help}" if error.help else error.message
            return _refused(words, _STATUS.get(type(error), 400))
        except ProviderRejected as error:
            return _refused(str(error), 400)
        except (ProviderUnavailable, Unavailable) as error:
            return _refused(f"{error}: try again later", 503, {"Retry-After": "5"})
        except ClientDisconnect:
            return Response(status_code=400)  # to nobody

    return answered


def _refused(words: str, status: int, headers: dict[str, str] | None = None) -> Response:
    return PlainTextResponse(
        words + "\n", status, headers={"Connection": "close", "Cache-Control": "no-store", **(headers or {})}
    )


def _cause(request: Request, actor: Actor) -> Cause:
    """Each request is a conversation and a trace of its own, the ones that its line in the log tells."""
    state = request.scope.get("state", {})
    name = state.get("correlation_id") or f"req-{uuid4().hex}"
    trace_id = uuid4().hex
    tenant, identity = public_id("Tenant", actor.tenant_id), public_id("Identity", actor.identity_id)
    state.get("told", {}).update(tenantId=tenant, identity=identity, traceId=trace_id)
    return Cause(
        actor_id=actor.identity_id,
        on_behalf_of=actor.on_behalf_of,
        trace_id=trace_id,
        correlation_id=name,
        causation_id=name,
    )
