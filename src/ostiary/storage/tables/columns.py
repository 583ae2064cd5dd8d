"""What tables are made of: types of columns, and kinds of indexes.

Instants are microseconds since 1970 UTC in a BIGINT: exact, sortable and the same on both
databases.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, UserDefinedType

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(value: datetime) -> int:
    """Microseconds since 1970 UTC of an aware datetime."""
    return (value - _EPOCH) // _MICROSECOND


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime, stored as microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """To the stored number."""
        del dialect
        return None if value is None else micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """From the stored number."""
        del dialect
        return None if value is None else _EPOCH + timedelta(microseconds=value)


class Xid8(UserDefinedType[Any]):
    """PostgreSQL's 64-bit transaction id, which cursors of the change log need (DESIGN 2)."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """The type's name."""
        return "xid8"


NUMBER = BigInteger().with_variant(Integer, "sqlite")
XID = BigInteger().with_variant(Xid8(), "postgresql")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def live(name: str, *columns: str) -> Index:
    """An index over what nobody has ended yet."""
    where = text("ended_at IS NULL")
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


def ended(name: str, *columns: str) -> Index:
    """An index over what has ended and is kept."""
    where = text("ended_at IS NOT NULL")
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


def unsettled(name: str, *columns: str) -> Index:
    """An index over what is still owed."""
    where = text("settled_at IS NULL")
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


def undeleted(name: str, *columns: str) -> Index:
    """A unique index over what has not been deleted, so that a name can be given again."""
    where = text("deleted_at IS NULL")
    return Index(name, *columns, unique=True, sqlite_where=where, postgresql_where=where)


def lifetimes() -> list[Column[Any]]:
    """An owner's overrides, in seconds; NULL: nothing said."""
    return [
        Column("idle", Integer),
        Column("absolute", Integer),
        Column("remembered_idle", Integer),
        Column("remembered_absolute", Integer),
    ]
