"""Browsers that somebody wished to stay apart from any customer."""

from typing import Final

import sqlalchemy as sa
from alembic import op

from shopkeeper.data.store.moment import Moment

revision: Final = "0004"
down_revision: Final = "0003"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "unlinked",
        sa.Column("person", sa.Text, primary_key=True),
        sa.Column("at", Moment, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
    )
