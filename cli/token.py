"""``slipway token``: for whoever owns the data folder, who holds its key and needs no token to ask with."""

import asyncio
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from cli.configured import settings_of
from cli.failure import Failed
from main import Settings, Slipway
from services.actor import Scope
from services.errors import SlipwayError
from services.platform.owner import IssueNamedToken, issue_as_owner
from storage.access import Access, Cause
from storage.engine import Database
from storage.ids import new_id
from storage.migrate import is_newest
from storage.unit_of_work import UnitOfWork, unit_of_work

commands = typer.Typer()
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def lifetime_of(text: str) -> timedelta:
    """``90m``, ``12h`` or ``30d``."""
    found = re.fullmatch(r"([0-9]{1,6})([mhd])", text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is not a lifetime: give minutes, hours or days, such as 90m, 12h or 30d")
    return int(found[1]) * _UNITS[found[2]]


@commands.callback()
def token() -> None:
    """Keeps ``create`` a subcommand while it is the only one."""


@commands.command("create")
def create(
    tenant: Annotated[str, typer.Option(help="The tenant's name.")],
    identity: Annotated[str, typer.Option(help="The name of an identity of the tenant; its admin is 'admin'.")],
    scope: Annotated[list[Scope], typer.Option(help="What the token may do; give it once for each.")],
    project: Annotated[list[str] | None, typer.Option(help="A project it is limited to; all when absent.")] = None,
    lifetime: Annotated[str, typer.Option(help="How long it lives: 90m, 12h, 30d; at most 366d.")] = "30d",
    name: Annotated[str, typer.Option(help="What it is for.")] = "slipway token create",
    data: Annotated[Path | None, typer.Option(help="Data folder; SLIPWAY_DATA or ./data when absent.")] = None,
) -> None:
    """Print a new token, alone on stdout. Works on the data folder itself, whether or not it is being served."""
    settings = settings_of(data)
    command = IssueNamedToken(
        identity=identity,
        projects=tuple(project or ()),
        name=name,
        scopes=tuple(scope),
        lifetime=lifetime_of(lifetime),
    )
    try:
        typer.echo(asyncio.run(_create(settings, tenant, command)))
    except SlipwayError as error:
        raise Failed(str(error)) from error


async def _create(settings: Settings, tenant: str, command: IssueNamedToken) -> str:
    """Written in one transaction beside the server's own, under the database's lock."""
    if settings.database_url is None and not (settings.data / "slipway.db").exists():
        raise Failed(f"{settings.data} holds no installation: 'slipway serve' makes one, --data names another")
    slipway = Slipway(settings)
    try:
        if not await asyncio.to_thread(is_newest, slipway.database.url):
            raise Failed(f"{settings.data} is of another version: start 'slipway serve' once to bring it up to date")
        return await issue(slipway, tenant, command)
    finally:
        await slipway.database.close()


async def issue(slipway: Slipway, tenant: str, command: IssueNamedToken) -> str:
    """The token, from whoever owns the installation; Failed when there is no such tenant."""
    access = Access(tenant_id=await _tenant_id(slipway.database, tenant))
    async with unit_of_work(slipway.database, access, _cause()) as uow:
        secret = await issue_as_owner(uow, slipway.services.identities, command)
        await uow.commit()
    return secret


async def _tenant_id(database: Database, name: str) -> UUID:
    async with database.reading(None) as session:
        anywhere = UnitOfWork(session, Access(tenant_id=new_id()), _cause())
        found = await anywhere.platform.tenant_id_named(name)
    if found is None:
        raise Failed(f"there is no tenant {name!r}: the first is 'operator', createTenant makes others")
    return found


def _cause() -> Cause:
    return Cause(actor_id=None, on_behalf_of=None, trace_id=new_id().hex, correlation_id="cli", causation_id="cli")
