"""Laws of the snapshot and of the model store: nothing after the moment, consent decides, what was saved comes back."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from shopkeeper.core.action import Action
from shopkeeper.core.errors import DataError, NotFound
from shopkeeper.core.event import Event, OrderLine
from shopkeeper.core.histories import Histories
from shopkeeper.core.ids import CustomerId, EventId, OrderId, ProductId, VisitorId
from shopkeeper.core.money import Money
from shopkeeper.data.lake import Lake
from shopkeeper.data.model_store import Bundle, ModelStore, StoredModel
from shopkeeper.data.schema import PRODUCTS, event_row, line_rows, table_of
from shopkeeper.data.snapshot import LakeSnapshot
from shopkeeper.features.past import meant

START = datetime(2026, 3, 1, tzinfo=UTC)


def _lake(folder: Path) -> Lake:
    lake = Lake(folder / "lake")
    products = [
        {"id": name, "name": name.upper(), "category_1": "Food", "price_minor": 100, "currency": "USD", "at": START,
         "active": name != "gone", "stock": 0 if name == "out" else None}
        for name in ("gone", "milk", "out")
    ]  # fmt: skip
    products.append(
        {"id": "milk", "name": "Milk 2", "price_minor": 120, "currency": "USD", "at": START + timedelta(days=5)}
    )
    lake.append("products", table_of("products", [dict.fromkeys(PRODUCTS.names) | row for row in products]), key="p")
    events, lines = [], []
    for day, (who, product) in enumerate([("c1", "milk"), ("c2", "milk"), ("c1", "bread"), ("c1", "milk")]):
        at = START + timedelta(days=day, hours=1)
        events.append(
            Event(
                id=EventId(f"v{day}"),
                at=at,
                action=Action.PRODUCT_VIEW,
                customer=CustomerId(who),
                product=ProductId(product),
            )
        )
        line = OrderLine(product=ProductId(product), quantity=1, price=Money(100, "USD"))
        lines += line_rows(
            Event(
                id=EventId(f"o{day}"),
                at=at,
                action=Action.ORDER,
                customer=CustomerId(who),
                order=OrderId(f"O{day}"),
                lines=(line,),
            )
        )
    events.append(
        Event(id=EventId("x"), at=START, action=Action.PRODUCT_VIEW, visitor=VisitorId("v"), product=ProductId("milk"))
    )
    stock = Event(
        id=EventId("s"), at=START + timedelta(days=1), action=Action.STOCK_CHANGE, product=ProductId("milk"), quantity=0
    )
    events.append(stock)
    lake.append("events", table_of("events", [event_row(event) for event in events]), key="e")
    lake.append("order_lines", table_of("order_lines", lines), key="l")
    return lake


def _snapshot(folder: Path, *people: str, day: float = 10) -> LakeSnapshot:
    lake = _lake(folder)
    moment = START + timedelta(days=day)
    return LakeSnapshot(lake=lake, moment=moment, currency="USD", may_train=lambda: list(people))


def test_only_people_who_agreed_are_learned_from(tmp_path: Path) -> None:
    """Histories hold exactly the people of the consent list that have events; visitors under their own key."""
    assert _snapshot(tmp_path / "a", "c1", "c9").histories().people.tolist() == ["c1"]
    assert _snapshot(tmp_path / "b", "c1", "visitor:v").histories().people.tolist() == ["c1", "visitor:v"]
    assert len(_snapshot(tmp_path / "c").histories()) == 0


def test_histories_are_in_time_order_with_baskets_numbered(tmp_path: Path) -> None:
    """Within a person events ascend in time; order lines carry growing basket numbers, other events -1."""
    histories = _snapshot(tmp_path, "c1").histories()
    assert (np.diff(histories.at) >= 0).all()
    bought = histories.of(Action.ORDER)
    assert bought.order.tolist() == [0, 1, 2]
    assert histories.of(Action.PRODUCT_VIEW).order.tolist() == [-1, -1, -1]


def test_nothing_after_the_moment_is_known(tmp_path: Path) -> None:
    """``as_of`` equals a snapshot opened at that moment, in the same numbering; the future cannot be asked for."""
    now = _snapshot(tmp_path, "c1", "c2")
    cut = START + timedelta(days=2)
    earlier = now.as_of(cut)
    assert earlier.histories().events == now.histories().keep(now.histories().at < cut.timestamp() * 1e6).events == 4
    assert earlier.catalogue() is now.catalogue()
    assert earlier.query("SELECT count(*) AS n FROM order_lines").to_pylist() == [{"n": 2}]
    with pytest.raises(ValueError, match="after"):
        earlier.as_of(now.moment)


def test_the_catalogue_is_the_newest_version_and_live_stock(tmp_path: Path) -> None:
    """A product's newest row counts; stock changes count; products known only from orders are in it, with no name."""
    catalogue = _snapshot(tmp_path, "c1").catalogue()
    assert catalogue.ids.tolist() == ["bread", "gone", "milk", "out"]
    assert catalogue.names.tolist() == ["", "GONE", "Milk 2", "OUT"]
    assert catalogue.in_stock.tolist() == [True, False, True, False]
    assert catalogue.price[2] == pytest.approx(1.2)
    sold_out = _snapshot(tmp_path / "earlier", "c1", day=4).catalogue()
    assert sold_out.names.tolist()[2] == "MILK"
    assert not sold_out.in_stock[2], "the stock change of day 1 is newer than the product row of day 0"


def _bundle(version: str, snapshot: LakeSnapshot) -> Bundle:
    model = StoredModel(use="recommend.x.X", facts={"shrink": 3}, arrays={"weights": np.arange(5, dtype=np.float32)})
    return Bundle(
        version=version, moment=snapshot.moment,
        received_until=snapshot.received_until(), models={"x": model}, catalogue=snapshot.catalogue(),
        histories=snapshot.histories(), report={"ndcg": 0.1},
    )  # fmt: skip


def test_a_model_version_comes_back_as_saved(tmp_path: Path) -> None:
    """Arrays, facts, catalogue and histories are equal after loading; the newest saved version is current."""
    snapshot, store = _snapshot(tmp_path, "c1", "c2"), ModelStore(tmp_path / "models")
    assert store.current() is None
    store.save(_bundle("v1", snapshot), keep=5)
    loaded = store.load("v1")
    assert store.current() == "v1"
    assert loaded.moment == snapshot.moment
    assert np.array_equal(loaded.models["x"].arrays["weights"], np.arange(5, dtype=np.float32))
    assert loaded.models["x"].facts == {"shrink": 3}
    assert loaded.catalogue.ids.tolist() == snapshot.catalogue().ids.tolist()
    _same(loaded.histories, snapshot.histories())


def _same(one: Histories, other: Histories) -> None:
    for name in ("offsets", "product", "at", "action", "quantity", "price", "order"):
        assert np.array_equal(getattr(one, name), getattr(other, name), equal_nan=name == "price"), name
    assert one.people.tolist() == other.people.tolist()


def test_old_versions_go_and_rollback_stays_possible(tmp_path: Path) -> None:
    """``keep`` versions remain, the current among them; naming an earlier one current is one atomic step."""
    snapshot, store = _snapshot(tmp_path, "c1"), ModelStore(tmp_path / "models")
    for name in ("v1", "v2", "v3", "v4"):
        store.save(_bundle(name, snapshot), keep=3)
    assert store.versions() == ["v2", "v3", "v4"]
    store.make_current("v2")
    assert store.current() == "v2"
    with pytest.raises(NotFound, match="unknown_version"):
        store.make_current("v1")


@pytest.mark.parametrize("harm", ["flip", "remove"])
def test_a_damaged_model_is_named_and_refused(tmp_path: Path, harm: str) -> None:
    """One changed byte, or a missing file, is found at loading, and the error names the file."""
    store = ModelStore(tmp_path / "models")
    store.save(_bundle("v1", _snapshot(tmp_path, "c1")), keep=5)
    victim = tmp_path / "models" / "v1" / "x" / "weights.npy"
    if harm == "remove":
        victim.unlink()
    else:
        data = bytearray(victim.read_bytes())
        data[-1] ^= 1
        victim.write_bytes(data)
    with pytest.raises(DataError, match=r"weights\.npy"):
        store.load("v1")


def test_forgotten_people_leave_every_version(tmp_path: Path) -> None:
    """After ``forget_people`` no file of any version holds the person's id, and the others' histories are as before."""
    snapshot, store = _snapshot(tmp_path, "c1", "c2"), ModelStore(tmp_path / "models")
    store.save(_bundle("v1", snapshot), keep=5)
    assert store.forget_people({"c1"}) == 1
    loaded = store.load("v1")
    assert loaded.histories.people.tolist() == ["c2"]
    _same(loaded.histories, snapshot.histories().rows(np.array([1])))
    assert all(b"c1" not in path.read_bytes() for path in (tmp_path / "models").rglob("people.parquet"))


def test_what_was_meant_is_the_same_live_and_in_the_lake(tmp_path: Path) -> None:
    """Stars from bad to good, looks from short to long, and other quantities: ``quantity`` in a history is what the
    live fold makes of the event."""
    said: list[tuple[Action, dict[str, float]]] = [
        *[(Action.RATING, {"rating": stars}) for stars in (0, 1, 2.5, 3, 4, 5, 10)], (Action.REVIEW, {}),
        *[(Action.PRODUCT_VIEW, {"dwell_seconds": seconds}) for seconds in (0, 3, 30, 45, 600)],
        (Action.PRODUCT_VIEW, {"quantity": 7}), (Action.CART_ADD, {"quantity": 3}), (Action.CART_ADD, {}),
    ]  # fmt: skip
    events = [
        Event(
            id=EventId(f"e{number}"), at=START + timedelta(minutes=number), action=action, customer=CustomerId("c1"),
            product=ProductId("milk"), **about,  # type: ignore[arg-type]  # numbers by name
        )
        for number, (action, about) in enumerate(said)
    ]  # fmt: skip
    lake = Lake(tmp_path / "lake")
    lake.append("events", table_of("events", [event_row(event) for event in events]), key="e")
    known = LakeSnapshot(lake=lake, moment=START + timedelta(days=1), currency="USD", may_train=lambda: ["c1"])
    kept = known.histories().quantity
    assert kept == pytest.approx([meant(event) for event in events])
    assert kept[:7] == pytest.approx([-1, -1, -0.25, 0, 0.5, 1, 1])
