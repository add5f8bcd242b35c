"""PostgreSQL's roles: a session of a tenant passes row-level security, one of the log's tails stands above it."""

from typing import Any, Final

from sqlalchemy import Select, func, select

from storage.access import Access

APP: Final = "slipway_app"
SYSTEM: Final = "slipway_system"
TENANT_SETTING: Final = "app.tenant"


def enter(access: Access | None, *, writes: bool) -> Select[Any]:
    """The first statement of a transaction: role, tenants and whether it may write, all gone at its end."""
    wanted = {
        "role": SYSTEM if access is None else APP,
        TENANT_SETTING: "" if access is None else ",".join(tenant.hex for tenant in access.tenants),
        "transaction_read_only": "off" if writes else "on",
    }
    return select(*(func.set_config(name, value, True) for name, value in wanted.items()))
