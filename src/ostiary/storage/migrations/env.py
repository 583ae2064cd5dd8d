"""How alembic runs here: on the connection that it is handed, in one transaction."""

from __future__ import annotations

from alembic import context

from ostiary.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
context.run_migrations()
