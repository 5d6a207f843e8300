"""What Alembic runs before the steps: they happen inside the transaction of whoever asked for them."""

from alembic import context

from shopkeeper.data.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
