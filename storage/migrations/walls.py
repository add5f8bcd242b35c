"""Row-level security on PostgreSQL, raised after the migrations on every table that lacks it.

FORCE binds the owner too, who is a member of both roles but sees rows only after SET ROLE; so must a migration do.
"""

from typing import Final

from sqlalchemy import Connection, text
from sqlmodel import SQLModel

from storage.roles import APP, SYSTEM, TENANT_SETTING

MIGRATION_LOCK: Final = 0x51_1B_3A_8
_TENANTS = f"(SELECT string_to_array(current_setting('{TENANT_SETTING}', true), ',')::uuid[])::uuid[]"
_OPEN = text("""
    SELECT c.relname, EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id')
    FROM pg_class c
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ANY (:ours)
      AND NOT (c.relforcerowsecurity AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid))
    ORDER BY c.relname""")


def raise_walls(connection: Connection) -> None:
    """Makes the two roles where they are missing and closes each table that stands open."""
    for role in (APP, SYSTEM):
        _make_role(connection, role)
    for table, has_tenant in connection.execute(_OPEN, {"ours": sorted(SQLModel.metadata.tables)}).all():
        for statement in _closing(table, has_tenant=has_tenant):
            connection.execute(text(statement))


def _make_role(connection: Connection, role: str) -> None:
    """An installation whose owner may not make roles finds them made, and granted to it, by the server's admin."""
    named = {"role": role}
    known = connection.execute(text("SELECT FROM pg_roles WHERE rolname = :role"), named).first() is not None
    if not known:
        connection.execute(text(f"CREATE ROLE {role} NOLOGIN"))
    member = text("SELECT pg_has_role(current_user, CAST(:role AS name), 'MEMBER')")
    if not known or not connection.execute(member, named).scalar():
        connection.execute(text(f"GRANT {role} TO CURRENT_USER"))


def _closing(table: str, *, has_tenant: bool) -> list[str]:
    """Events are only ever added; a table without a tenant belongs to the system role."""
    rights = "SELECT, INSERT" if table == "events" else "SELECT, INSERT, UPDATE, DELETE"
    closed = [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY system ON {table} TO {SYSTEM} USING ((SELECT current_user) = '{SYSTEM}')",
        f"GRANT {rights} ON {table} TO {SYSTEM}",
    ]
    if has_tenant:
        closed.append(f"CREATE POLICY tenant ON {table} TO {APP} USING (tenant_id = ANY ({_TENANTS}))")
        closed.append(f"GRANT {rights} ON {table} TO {APP}")
    if table == "events":
        closed.append(f"GRANT USAGE ON SEQUENCE events_position_seq TO {APP}")
    return closed
