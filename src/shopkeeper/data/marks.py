"""The numbers of what is found by looking at rows side by side."""

from typing import Final

DUPLICATE: Final = 1
ID_CONFLICT: Final = 2
ORDER_CONFLICT: Final = 3
ORDER_KNOWN: Final = 4
BOT: Final = 5
SHARED: Final = 6
REASONS: Final = {
    ID_CONFLICT: "id_conflict",
    ORDER_CONFLICT: "order_conflict",
    ORDER_KNOWN: "order_known",
    BOT: "bot_rate",
    SHARED: "too_many_customers",
}
"""Why marked rows are held; ``DUPLICATE`` is the one mark that is no reason."""
DERIVED: Final = "derived:"
"""How the source of a product begins that only follows from what happened to it."""
PERSONS: Final = {BOT: "customer", SHARED: "visitor"}
"""Marks that are about a person, and the column that names them."""
