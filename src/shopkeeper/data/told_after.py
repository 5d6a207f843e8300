"""What an import warns of once its rows are beside what the shop knows: products and telephone numbers."""

from typing import Any

from shopkeeper.data.cleaning.columns import Kind
from shopkeeper.data.marking import Facts
from shopkeeper.data.rows import Warn


def unknown_products(con: Any, facts: Facts, named: str) -> tuple[Warn, ...]:
    """A warning where rows name products (the table ``named``) that the catalogue (where there is one) lacks."""
    if not named or not facts.files("products"):
        return ()
    count, example = con.execute(
        f"SELECT count(*), min(product) FROM {named} "
        f"ANTI JOIN (SELECT id AS product FROM {facts.relation_sql('products')}) USING (product)"
    ).fetchone()
    return (Warn(key="unknown_products", facts={"count": count, "value": example}),) if count else ()


def shared_phones(con: Any, facts: Facts, kind: Kind) -> tuple[Warn, ...]:
    """A warning where customers bear a telephone number together: nobody can be known by it."""
    if kind != "customers" or not facts.files("customers"):
        return ()
    count, example = con.execute(
        f"SELECT count(*), min(phone) FROM (SELECT phone FROM {facts.relation_sql('customers')} "
        "WHERE phone LIKE '+%' AND id NOT LIKE '+%' GROUP BY phone HAVING count(DISTINCT id) > 1)"
    ).fetchone()
    return (Warn(key="phones_shared", facts={"count": count, "value": example}),) if count else ()
