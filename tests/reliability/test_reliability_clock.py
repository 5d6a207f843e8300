"""Laws of a clock that is wrong: whatever it says and however it jumps, an answer of consent is never undone by an
older one, an event has one effect, and the server answers on."""

import os
import shutil
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from batches import SIZE, events, ids, new_shop
from running import new_shop as shop_with_key
from running import serving

from shopkeeper.core.consent import Purpose
from shopkeeper.core.ids import PersonKey
from shopkeeper.data.account import Account
from shopkeeper.settings import FILE
from shopkeeper.shop import Shop
from shopkeeper.shop.importing import import_files, replay

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
ANN = PersonKey("ann")
LATER = datetime(2100, 1, 1, tzinfo=UTC)
JUMPS = {
    "an hour on": NOON + timedelta(hours=1), "an hour back": NOON, "a day on": NOON + timedelta(days=1),
    "a day back": NOON, "summer time begins": datetime(2027, 3, 28, 0, 59, 59, tzinfo=UTC),
    "it has begun": datetime(2027, 3, 28, 1, 0, 0, tzinfo=UTC), "it ends": datetime(2027, 10, 31, 0, 30, tzinfo=UTC),
    "the hour comes twice": datetime(2027, 10, 31, 1, 30, tzinfo=UTC),
    "a leap day": datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC), "ten years back": NOON - timedelta(days=3_653),
    "2038": datetime(2038, 1, 19, 3, 14, 7, tzinfo=UTC), "a second after": datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
    "home again": NOON + timedelta(hours=2),
}  # fmt: skip


def _says(name: str, given: bool, **more: str) -> dict[str, Any]:
    word = "true" if given else "false"
    return {"id": name, "action": "consent", "customer": ANN, "properties": {"train": word}, **more}


def _agrees(shop: Shop) -> bool:
    return shop.consent_of(ANN).allows(Purpose.TRAIN)


@pytest.mark.parametrize("drained", [False, True])
def test_a_yes_that_is_sent_again_does_not_undo_a_no(quick_path: Path, drained: bool) -> None:
    """Neither says when: the yes came first, however often its sender repeats it, also after the journal forgot it."""
    now = [NOON]
    with Shop.open(new_shop(quick_path / "shop"), clock=lambda: now[0]) as shop:
        for name, given in (("yes", True), ("no", False), ("yes", True), ("yes", True)):
            if drained:
                shop.drain()
            shop.collect([_says(name, given)])
            now[0] += timedelta(hours=1)
        assert not _agrees(shop)
        shop.drain()
        assert not _agrees(shop)
    with Shop.open(quick_path / "shop", clock=lambda: now[0]) as shop:
        assert not _agrees(shop)


@pytest.mark.parametrize("ahead", ["the sender's", "ours"])
def test_a_no_counts_though_a_yes_has_a_later_moment(quick_path: Path, ahead: str) -> None:
    """The yes was said by a clock twenty hours ahead, the no an hour later by one that is right; a retry of the yes,
    also after a restart, changes nothing; a yes after the no counts."""
    now, wrong = [NOON], NOON + timedelta(hours=20)
    yes = _says("yes", True, **({"at": wrong.isoformat()} if ahead == "the sender's" else {}))
    with Shop.open(new_shop(quick_path / "shop"), clock=lambda: now[0]) as shop:
        now[0] = NOON if ahead == "the sender's" else wrong
        shop.collect([yes])
        assert _agrees(shop)
        now[0] = NOON + timedelta(hours=1)
        shop.collect([_says("no", False)])
        assert not _agrees(shop)
        shop.collect([yes])
        shop.drain()
        assert not _agrees(shop)
    now[0] += timedelta(days=2)
    with Shop.open(quick_path / "shop", clock=lambda: now[0]) as shop:
        shop.collect([yes])
        assert not _agrees(shop)
        shop.collect([_says("again yes", True)])
        assert _agrees(shop)


def test_consent_is_in_the_book_before_the_journal_forgets_it(
    quick_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The book was out of reach when the answer came: the drain does not move it before it is written down."""
    with Shop.open(new_shop(quick_path / "shop")) as shop:
        with monkeypatch.context() as broken:
            broken.setattr(shop.state.consent, "record_many", _out_of_reach)
            with pytest.raises(OSError, match="out of reach"):
                shop.collect([_says("yes", True)])
            with pytest.raises(OSError, match="out of reach"):
                shop.drain()
        assert not _agrees(shop)
        assert shop.drain() == 1
        assert _agrees(shop)


def _out_of_reach(answers: object) -> None:
    raise OSError("out of reach")


def test_jumps_of_the_clock_lose_and_double_nothing(quick_path: Path) -> None:
    """Forth, back, over both changes of summer time, the leap day and 2038: what comes is stored, a retry right after
    is a duplicate, everything is in the lake once, and the models are taken up."""
    now, folder, sent = [NOON], quick_path / "shop", 0
    Shop.create(folder, name="Tried", currency="EUR", timezone="Europe/Berlin", language="en").close()
    with Shop.open(folder, clock=lambda: now[0]) as shop:
        for name, moment in JUMPS.items():
            now[0] = moment
            batch = events(sent)
            del batch[0]["at"]
            assert {verdict.status for verdict in shop.collect(batch)} <= {"stored", "quarantined"}, name
            again = [verdict.status for verdict in shop.collect(batch) if verdict.status != "quarantined"]
            assert set(again) == {"duplicate"}, name
            sent += 1
            shop.drain()
            shop.reload(anew=True)
    with Shop.open(folder, clock=lambda: now[0]) as shop:
        kept = shop.snapshot(LATER).query("SELECT id FROM events").column(0).to_pylist()
    held = {name for batch in range(sent) for name in ids(batch)} - set(kept)
    assert len(kept) == len(set(kept))
    assert held <= {name for batch in range(sent) for name in ids(batch)[1:]}  # of the future, ten years back
    assert len(kept) + len(held) == sent * SIZE


@pytest.mark.skipif(shutil.which("faketime") is None and not os.environ.get("CI"), reason="faketime is not installed")
def test_a_server_whose_clock_jumps_takes_and_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real server while the system's clock is put an hour, a day and ten years forth and back: every batch is
    acknowledged, every answer given, the drain goes on, and nothing is doubled."""
    (library,) = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))[:1]
    clock, folder = tmp_path / "clock", tmp_path / "shop"
    key = shop_with_key(folder)
    with (folder / FILE).open("a", encoding="utf-8") as settings:
        settings.write("\n[serve]\ndrain_seconds = 0.1\n")
    clock.write_text("+0")
    for name, value in {
        "LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    with serving(folder, key) as server:
        monkeypatch.undo()
        for batch, jump in enumerate(("+0", "+1h", "-1h", "+1d", "-1d", "+3650d", "+0", "-3650d", "+0")):
            fresh = clock.with_suffix(".part")
            fresh.write_text(jump)
            fresh.replace(clock)
            now = [{name: value for name, value in event.items() if name != "at"} for event in events(batch)]
            assert server.post(now).json()["stored"] == SIZE, jump
            assert server.post(now).json()["duplicate"] == SIZE, jump
            assert server.client.get("/v1/recommendations", params={"placement": "home"}).status_code == 200, jump
        until = time.monotonic() + 120
        while "shopkeeper_journal_undrained 0" not in server.client.get("/metrics").text and time.monotonic() < until:
            time.sleep(0.05)
    with Shop.open(folder) as shop:
        shop.drain()
        kept = shop.snapshot(LATER).query("SELECT id FROM events").column(0).to_pylist()
    assert sorted(kept) == sorted(name for number in range(batch + 1) for name in ids(number))


def test_a_file_that_comes_again_ahead_of_the_clock_is_held(quick_path: Path) -> None:
    """The clock was put back by more than a day: what a file tells lies ahead, and is not taken for what is known.
    Nothing is doubled, it is held; with the clock put right a replay finds that it is known."""
    now = [NOON]
    lines = quick_path / "lines.csv"
    lines.write_text(
        "order,line,at,customer,product,quantity,price\n"
        "o1,1,2026-11-01T09:00:00Z,ann,p1,1,2.00\no1,2,2026-11-01T09:00:00Z,ann,p2,1,2.00\n"
    )

    def counts(accounts: Iterable[Account]) -> list[tuple[int, int, int, int]]:
        return [(each.read, each.kept, each.duplicate, each.quarantined) for each in accounts]

    with Shop.open(new_shop(quick_path / "shop"), clock=lambda: now[0]) as shop:
        assert counts(account for _, account in import_files(shop, [lines])) == [(2, 2, 0, 0)]
        now[0] -= timedelta(hours=49)
        assert counts(account for _, account in import_files(shop, [lines])) == [(2, 0, 0, 2)]
        assert shop.quarantine.counts() == {"id_conflict": 2}
        now[0] = NOON + timedelta(hours=1)
        assert counts(replay(shop)) == [(2, 0, 2, 0)]
        assert shop.quarantine.counts() == {}
        told = shop.snapshot().query('SELECT order_id, "line" FROM order_lines').to_pylist()
        assert sorted(row["line"] for row in told) == [1, 2]
