"""What Alembic runs to reach the database: the transaction that `migrate` has opened."""

from alembic import context

from features.sql.tables.base import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
