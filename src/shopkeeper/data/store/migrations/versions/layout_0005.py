"""The files that belong to this state. In SQLite every row of every table bears a sum from here on (``upgrading``)."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0005"
down_revision: Final = "0004"


def upgrade() -> None:
    """Make the table."""
    op.create_table("shop_files", sa.Column("name", sa.Text, primary_key=True))
