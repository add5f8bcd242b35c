"""A push from its pack to its report: checked, taken apart, moved and recorded before the client is answered."""

from dataclasses import replace
from typing import BinaryIO

from providers.errors import ProviderUnavailable
from providers.git.errors import PushCorrupt
from providers.git.packets import PushRequest, report
from providers.git.transport import GitTransport
from services.errors import SlipwayError
from services.source_control.git import key_of
from services.source_control.moving import Caller, Moving
from services.source_control.pushes import PushRefs, PushRefused, PushService
from storage.engine import Database
from storage.tables.source_control import RepositoryRow
from storage.unit_of_work import UnitOfWork

SCREEN_LINES = 20


class PushDesk:
    """Every refusal is a report that Git shows beside the ref, never an HTTP error."""

    def __init__(self, database: Database, transport: GitTransport, pushes: PushService, moving: Moving) -> None:
        self._database = database
        self._transport = transport
        self._pushes = pushes
        self._moving = moving

    async def take(self, caller: Caller, repository: RepositoryRow, push: PushRequest, pack: BinaryIO) -> bytes:
        """The report-status that ends the push."""
        refs = [update.ref for update in push.updates]
        try:
            await self._move(caller, repository, push, pack)
        except PushRefused as refused:
            return report(push, refused.reasons, screen=refused.screen)
        except PushCorrupt as error:
            screen = str(error).splitlines()[:SCREEN_LINES]
            return report(push, dict.fromkeys(refs, "unpacker error"), unpack="git found fault", screen=screen)
        except SlipwayError as error:
            return report(push, dict.fromkeys(refs, error.message))
        except ProviderUnavailable as error:
            return report(push, dict.fromkeys(refs, f"{error}: try again later"))
        return report(push)

    async def _move(self, caller: Caller, repository: RepositoryRow, push: PushRequest, pack: BinaryIO) -> None:
        actor = caller.actor
        command = PushRefs(repository_id=repository.id, updates=push.updates)
        async with self._database.reading(actor.access) as session:
            await self._pushes.authorise(UnitOfWork(session, actor.access, caller.cause), actor, command)
        if not push.has_pack:
            await self._moving.move(self._pushes, caller, command)
            return
        tips = [update.new for update in push.updates if update.new is not None]
        async with self._transport.receive(key_of(repository), pack, tips) as incoming:
            await self._moving.move(self._pushes, caller, replace(command, incoming=incoming))
