"""What marketers set up: audiences, what was said of how many people they have, and bundles of products."""

from typing import Final

import sqlalchemy as sa
from alembic import op

from shopkeeper.data.store.moment import Moment, whole_number

revision: Final = "0003"
down_revision: Final = "0002"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "audiences",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("rule", sa.JSON, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("changed_at", Moment, nullable=False),
    )
    op.create_table(
        "audience_figures",
        sa.Column("seq", whole_number, sa.Identity(), primary_key=True),
        sa.Column("members", sa.LargeBinary, nullable=False),
        sa.Column("people", whole_number),
        sa.Column("audience", sa.Text, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "bundles",
        sa.Column("product", sa.Text, primary_key=True),
        sa.Column("partner", sa.Text, primary_key=True),
        sa.Column("made_at", Moment, nullable=False),
    )
