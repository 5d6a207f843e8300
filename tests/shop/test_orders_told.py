"""Laws of orders over a real shop: what a file, an older release or the lake says of one is known when it is told."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from shopkeeper.shop import Shop
from shopkeeper.shop.importing import import_files, replay


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with Shop.create(tmp_path / "shop", name="t", currency="USD", timezone="UTC", language="en") as made:
        yield made


def _order(name: str, order: str = "o1", price: str = "9.90", **other: Any) -> dict[str, Any]:
    line = {"product": "p1", "quantity": 1, "price": price}
    return {"id": name, "action": "order", "customer": "c1", "order": order, "lines": [line], **other}


def _said(shop: Shop, *events: dict[str, Any]) -> list[str]:
    return [verdict.reason or verdict.status for verdict in shop.collect(events)]


def _bought(shop: Shop) -> list[Any]:
    shop.drain()
    with shop.lake.connect() as con:
        return list(con.execute("SELECT order_id, price_minor FROM order_lines ORDER BY ALL").fetchall())


def _imported(shop: Shop, folder: Path, *rows: str) -> None:
    file = folder / f"orders{len(rows)}.csv"
    file.write_text("order_id,date,customer_id,sku,quantity,price\n" + "\n".join(rows) + "\n")
    import_files(shop, [file])


def test_an_imported_order_is_known(shop: Shop, tmp_path: Path) -> None:
    """Also while the shop works, and where the event says more than the file; a second event that says otherwise than
    the first is held, though the file would not contradict it."""
    assert _said(shop, _order("e0", "o0")) == ["stored"]
    _imported(shop, tmp_path, "o1,2026-11-01T10:00:00Z,c1,p1,1,9.90", "o2,2026-11-01T10:00:00Z,,p1,1,9.90")
    more = _order("e2", properties={"total": "12.00"})
    assert _said(shop, more, _order("e3", properties={"total": "13.00"})) == ["duplicate", "order_known"]
    assert _said(shop, _order("e4", "o2"), _order("e5", "o2", customer=None, visitor="v1")) == [
        "order_known", "duplicate",
    ]  # fmt: skip
    assert _said(shop, _order("e0", "o0"), _order("e6", "o0")) == ["duplicate", "duplicate"]
    assert _bought(shop) == [("o0", 990), ("o1", 990), ("o2", 990)]


def test_orders_of_an_older_release_are_known(shop: Shop) -> None:
    """What was drained before orders were remembered stands in the lake, and is remembered from then on."""
    _said(shop, _order("e1"), _order("e2", "o2"))
    shop.drain()
    folder, journal = shop.folder, shop.folder / "journal.db"
    shop.close()
    with closing(sqlite3.connect(journal)) as con, con:
        con.execute("DELETE FROM seen")
    with Shop.open(folder) as again:
        assert _said(again, _order("f1"), _order("f2", price="8.80")) == ["duplicate", "order_known"]
        (held,) = again.quarantine.list()
        assert "price=9.90 USD" in held.facts["known"]
        assert "8.80" in held.raw
        assert again.journal.knows(["o1", "o2"]) == {"o1"}  # type: ignore[attr-defined]  # of a folder's own journal
        assert _bought(again) == [("o1", 990), ("o2", 990)]


def test_a_conflict_that_is_tried_again_stays_one(shop: Shop) -> None:
    """Replaying holds it under its id, once; corrected to another order it is stored."""
    _said(shop, _order("e1"), _order("e2", price="8.80"))
    (held,) = shop.quarantine.list()
    for _ in range(2):
        replay(shop)
        assert [row.id for row in shop.quarantine.list()] == [held.id]
    shop.quarantine.fix(held.id, {"order": "o2"})
    replay(shop)
    assert shop.quarantine.list() == []
    assert _bought(shop) == [("o1", 990), ("o2", 880)]


def test_a_lake_that_cannot_be_read_refuses_no_order(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """It is taken, and the log says that it was not compared."""
    _said(shop, _order("e1"))
    shop.drain()
    folder = shop.folder
    for file in shop.lake.files("order_lines"):
        Path(file).unlink()
    shop.close()
    with Shop.open(folder) as again:
        assert _said(again, _order("e2", "o2")) == ["stored"]
    assert any("without a look into the lake" in record.getMessage() for record in caplog.records)
