"""Laws of one effect: a retry within the days of memory changes nothing, whatever happened in between."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from batches import SIZE, events, ids, new_shop

from shopkeeper.core.consent import Purpose
from shopkeeper.core.ids import PersonKey
from shopkeeper.data.drain import encode_event
from shopkeeper.shop import Shop
from shopkeeper.shop.collecting import Collector

START = datetime(2026, 11, 1, 12, tzinfo=UTC)


def _counts(shop: Shop) -> dict[str, int]:
    shop.drain()
    known = shop.snapshot()
    return {table: known.query(f"SELECT * FROM {table}").num_rows for table in ("events", "order_lines", "prices")}


def test_a_retry_has_one_effect_for_forty_five_days_and_an_order_for_ever(quick_path: Path) -> None:
    """The clock moves on, ids are forgotten day by day: a retry is a duplicate on each of 45 days; a year later the
    view is new, the order still is not."""
    folder, now = new_shop(quick_path / "shop"), [START]
    with Shop.open(folder, clock=lambda: now[0]) as shop:
        shop.collect(events(1))
        before = _counts(shop)
        for day in range(1, 46):
            now[0] = START + timedelta(days=day)
            assert {verdict.status for verdict in shop.collect(events(1))} == {"duplicate"}, day
            assert _counts(shop) == before, day
        now[0] = START + timedelta(days=400)
        shop.drain()
        status = {verdict.id: verdict.status for verdict in shop.collect(events(1))}
    order = ids(1)[SIZE - 3]
    assert status.pop(order) == "duplicate"
    assert set(status.values()) == {"stored"}


def test_consent_counts_though_the_process_died_before_it_was_written_down(quick_path: Path) -> None:
    """An event of consent was durable, the process died before the book of consent had it: opening the shop writes it
    down, and where a drain came first, that did."""
    for number, drained in enumerate((False, True)):
        folder, person = new_shop(quick_path / f"shop-{number}"), PersonKey("c000001")
        with Shop.open(folder) as shop:
            deaf = Collector(
                shop.journal, shop.quarantine, shop.settings.shop, shop.clock, lambda stored, again: None, shop.orders
            )
            deaf.collect(events(1), source="api", browser=False)
            if drained:
                shop.drain()
            assert shop.consent_of(person).allows(Purpose.TRAIN) == drained
        with Shop.open(folder) as shop:
            assert shop.consent_of(person).allows(Purpose.TRAIN)


def test_a_drain_ends_though_events_keep_coming(quick_path: Path) -> None:
    """What comes while it works is left for the next time: under load a drain that waited for silence would never end,
    and nothing after it would be done."""
    with Shop.open(new_shop(quick_path / "shop")) as shop:
        shop.collect(events(0))
        forget, number = shop.journal.forget_drained, iter(range(1, 10))

        def busy(up_to: int) -> None:
            forget(up_to)
            shop.collect(events(next(number)))

        shop.journal.forget_drained = busy  # type: ignore[method-assign]  # events that come at the worst moment
        assert shop.drain() == SIZE
        assert shop.journal.waiting() == SIZE


def test_an_event_survives_its_encoding(quick_path: Path) -> None:
    """The bytes by which consent is looked for in the journal are those that an event of consent has."""
    with Shop.open(new_shop(quick_path / "shop")) as shop:
        shop.collect(events(1))
        agreed = [event for event in shop._undrained() if event.id == ids(1)[-1]]
        assert [event.id for event in shop._undrained(b'"action":33')] == [ids(1)[-1]]
    assert b'"action":33' in encode_event(agreed[0])
