"""What SQLite is told of the sizes of its tables, so that it plans for a large installation.

Without statistics it takes an organization for ten rows, and reads all of them where an index would
have found the page; and those of ``ANALYZE`` would be as small as the installation is on that day.
So each table gets the figures of a large one, once. PostgreSQL keeps its own.

A line says how many rows an index holds, and how many of them share the first column, the first two
and so on (https://sqlite.org/fileformat2.html#stat1tab).
"""

from __future__ import annotations

from sqlalchemy import Connection, text

_WITHOUT_SKIPPING = " noskipscan"
"""Not to be used without its first column: the page would have to be sorted afterwards."""

FIGURES = {
    ("organization", "uq_organization_name"): "20 1",
    ("application", "uq_application_name"): "100 1",
    ("application", "uq_application_client_id"): "100 1",
    ("application", "ix_application_organization_key"): "100 5",
    ("user", "uq_user_organization_key_name"): "400000 20000 1",
    ("user", "ix_user_organization_key_email"): "400000 20000 1",
    ("user", "ix_user_organization_key_phone"): "400000 20000 2",
    # The table itself, whose rows lie in the order of its primary key.
    ("session", "session"): "2000000 100000 5 1",
    ("session", "uq_session_id"): "2000000 1",
    ("session", "uq_session_secret_hash"): "2000000 1",
    ("session", "ix_session_live_created"): "1000000 50000 1 1",
    ("session", "ix_session_live_user"): "1000000 50000 3 1 1",
    ("session", "ix_session_live_address"): "1000000 4 4 1 1",
    ("session", "ix_session_live_country"): "1000000 50000 2000 1 1" + _WITHOUT_SKIPPING,
    ("session", "ix_session_live_all_created"): "1000000 1 1",
    ("session", "ix_session_live_all_user"): "1000000 3 1 1",
    ("session", "ix_session_live_device"): "1000000 1",
    ("session", "ix_session_check_after"): "1000000 1",
    ("session", "ix_session_ended_created"): "1000000 50000 1 1",
    ("session", "ix_session_ended_user"): "1000000 50000 3 1 1",
    ("session", "ix_session_ended_all_created"): "1000000 1 1",
    ("session", "ix_session_ended_all_user"): "1000000 3 1 1",
    ("session", "ix_session_ended_at"): "1000000 1",
    ("client_session", "client_session"): "3000000 150000 8 2 1",
    ("client_session", "ix_client_session_session_id"): "3000000 2",
    ("client_session", "ix_client_session_live"): "1500000 75000 15000 1 1",
    ("client_session", "ix_client_session_ended"): "1500000 75000 15000 1 1",
    ("record", "record"): "1000000 50000 2 1",
    ("record", "ix_record_created_time"): "1000000 1 1 1 1",
    ("record", "ix_record_owner_created_time"): "1000000 50000 1 1 1",
    ("audit_event", "ix_audit_event_at"): "5000000 1",
    ("audit_event", "ix_audit_event_actor_id"): "5000000 25 1",
    ("audit_event", "ix_audit_event_event_id"): "5000000 250000 1",
    ("audit_event", "ix_audit_event_organization_id"): "5000000 250000 1",
    ("audit_event", "ix_audit_event_organization_user_id"): "5000000 250000 20 1",
    ("audit_event", "ix_audit_event_session_id_id"): "5000000 3 1",
}


def plan_for_large_tables(connection: Connection) -> None:
    """Write the figures into a SQLite file, in the open transaction."""
    connection.execute(text("ANALYZE sqlite_schema"))  # makes their table where there is none
    connection.execute(text("DELETE FROM sqlite_stat1"))
    for (table, index), figures in FIGURES.items():
        connection.execute(
            text("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (:table, :index, :figures)"),
            {"table": table, "index": index, "figures": figures},
        )
    connection.execute(text("ANALYZE sqlite_schema"))  # and now they are read
