"""What Alembic runs for every command: our models, over the connection that the caller holds."""

from alembic import context

from hub.db import Base
from hub.migrations import import_every_room

import_every_room()
context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
