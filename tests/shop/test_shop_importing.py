"""Files and held events into a shop."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shopkeeper.core.consent import Purpose
from shopkeeper.core.errors import DataError
from shopkeeper.core.ids import PersonKey
from shopkeeper.data import reports
from shopkeeper.shop import Shop
from shopkeeper.shop.held import held_sentence
from shopkeeper.shop.importing import import_files, preview_files, replay
from shopkeeper.shop.people import erase, export

VIEW = {"id": "e1", "action": "product_view", "visitor": "v", "product": "p"}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with Shop.create(tmp_path / "shop", name="t", currency="USD", timezone="UTC", language="en") as made:
        yield made


@pytest.mark.parametrize(
    ("name", "kept"),
    [("072-future.csv", [1, 0, 0]), ("072-events.csv", [2, 0, 1]), ("072-no-ids.csv", [0, 0, 2])],
)
def test_what_said_the_future_counts_once(tmp_path: Path, name: str, kept: list[int]) -> None:
    """Rows that got the time of their import are duplicates when the file comes again the next day, and in conflict
    when it comes after what they said; what could not be kept at first is kept then."""
    file = Path(__file__).parents[1] / "corpus" / name
    Shop.create(tmp_path / "shop", name="t", currency="USD", timezone="UTC", language="en").close()
    for day, wanted in zip((24, 25, 30), kept, strict=True):
        with Shop.open(tmp_path / "shop", clock=lambda day=day: datetime(2026, 11, day, 12, tzinfo=UTC)) as shop:
            ((_, account),) = import_files(shop, [file])
            assert account.kept == wanted
            assert account.read == account.kept + account.duplicate + account.quarantined


def test_a_held_event_is_replayed_once(shop: Shop) -> None:
    """What was fixed is collected and leaves the quarantine; a second replay has no effect."""
    shop.collect([VIEW | {"action": "fly"}, VIEW | {"id": "e2", "quantity": 0}])
    bad = next(row for row in shop.quarantine.list() if row.reason == "unknown_action")
    shop.quarantine.fix(bad.id, {"action": "product_view"})
    first, second = replay(shop), replay(shop)
    assert [(one.read, one.kept, one.quarantined) for one in first] == [(2, 1, 1)]
    assert [(one.read, one.kept, one.quarantined) for one in second] == [(1, 0, 1)]
    assert shop.quarantine.counts() == {"zero_quantity": 1}
    shop.drain()
    with shop.lake.connect(tables=["events"]) as con:
        events = con.execute("SELECT id FROM events").fetchall()
    assert events == [("e1",)]


def test_a_replay_gives_a_browser_no_more_rights(shop: Shop) -> None:
    """An order that a browser reported stays held, also where another fault hid that."""
    order = {"id": "o", "action": "order", "order": "o", "visitor": "v"}
    shop.collect([order | {"extra": 1}], source="browser", browser=True)
    shop.quarantine.fix(shop.quarantine.list()[0].id, {"extra": None})
    assert [one.kept for one in replay(shop)] == [0]
    assert shop.quarantine.counts() == {"action_not_allowed": 1}


def test_an_import_knows_what_was_collected_before(shop: Shop, tmp_path: Path) -> None:
    """An order that is still in the journal is known to a file that names it again."""
    line = {"product": "p", "quantity": 1, "price": "2.00"}
    shop.collect([{"id": "o1", "action": "order", "order": "o1", "customer": "c", "lines": [line]}])
    path = tmp_path / "f.csv"
    path.write_text("order_id,date,customer_id,sku,quantity,price\no1,2026-11-01,c,p,1,3.00\n")
    ((_, account),) = import_files(shop, [path], kind="order_lines")
    assert (account.kept, dict(account.by_reason)) == (0, {"order_known": 1})


def test_third_party_attributes_bring_their_consent(shop: Shop, tmp_path: Path) -> None:
    """Who agreed is noted as of the moment of collection, a later withdrawal stays; they are handed out and erased."""
    shop.state.consent.record(PersonKey("c2"), {Purpose.THIRD_PARTY: False}, at=datetime(2026, 11, 1, tzinfo=UTC))
    path = tmp_path / "interests.csv"
    path.write_text(
        "customer_id,attribute,value,origin,consent,collected_at\n"
        "c1,interest,tea,Acme,yes,2026-10-01\nc2,interest,art,Acme,yes,2026-10-01\n"
    )
    import_files(shop, [path])
    assert shop.consent_of(PersonKey("c1")).allows(Purpose.THIRD_PARTY)
    assert not shop.consent_of(PersonKey("c2")).allows(Purpose.THIRD_PARTY)
    assert export(shop, "c1")["attributes"][0]["value"] == "tea"
    assert erase(shop, "c1")["attributes"] == 1


def takes_mail(shop: Shop, person: str) -> bool | None:
    return shop.consent_of(PersonKey(person)).given.get(Purpose.EMAIL)


SHOPIFY = (
    "First Name,Last Name,Email,Accepts Email Marketing,Total Spent,Total Orders\n"
    "Ann,A,ann@x.org,yes,0.00,0\nBob,B,bob@x.org,no,0.00,0\nCy,C,cy@x.org,yes,0.00,0\n"
)


def test_what_is_said_of_all_turns_no_no_into_a_yes(shop: Shop, tmp_path: Path) -> None:
    """Who said no to mail, in the file or before, gets none, whatever the import says of everybody in it; a yes of the
    file counts, and a later no of theirs outlives the same file imported again."""
    path = tmp_path / "customers_export.csv"
    path.write_text(SHOPIFY)
    shop.state.consent.record(
        PersonKey("cy@x.org"), {Purpose.EMAIL: False}, at=datetime(2026, 1, 1, tzinfo=UTC), source="form"
    )
    for _ in range(2):
        import_files(shop, [path], purposes=[Purpose.EMAIL, Purpose.TRAIN], consent_source="terms")
        assert [takes_mail(shop, f"{name}@x.org") for name in ("bob", "cy")] == [False, False]
        assert shop.consent_of(PersonKey("bob@x.org")).allows(Purpose.TRAIN)
    assert takes_mail(shop, "ann@x.org") is True
    shop.collect([{"id": "c1", "action": "consent", "customer": "ann@x.org", "properties": {"email": "false"}}])
    import_files(shop, [path], purposes=[Purpose.EMAIL], consent_source="terms")
    assert takes_mail(shop, "ann@x.org") is False
    path.write_text(SHOPIFY.replace("bob@x.org,no", "bob@x.org,yes"))
    import_files(shop, [path])
    assert takes_mail(shop, "bob@x.org") is True  # the same source has changed its mind


def test_orders_say_who_takes_mail(shop: Shop, tmp_path: Path) -> None:
    """As of each order: the newest counts. An order of nobody says nothing."""
    head = "Name,Email,Accepts Marketing,Currency,Subtotal,Created at,Lineitem quantity,Lineitem name,Lineitem price\n"
    path = tmp_path / "orders_export.csv"
    path.write_text(
        head + "#3,ann@x.org,no,USD,5.00,2026-03-01 10:00:00 +0800,1,Tea,5.00\n"
        "#2,bob@x.org,yes,USD,5.00,2026-02-01 10:00:00 +0800,1,Tea,5.00\n"
        "#1,ann@x.org,yes,USD,5.00,2026-01-01 10:00:00 +0800,1,Tea,5.00\n"
        "#0,,yes,USD,5.00,2026-01-01 10:00:00 +0800,1,Tea,5.00\n"
    )
    import_files(shop, [path], purposes=[Purpose.EMAIL], consent_source="terms")
    assert [takes_mail(shop, f"{name}@x.org") for name in ("ann", "bob")] == [False, True]


LINES = (
    "order,date,customer,sku,qty,price\n1,2026-03-01,c1,p,1,10.00\n2,01.04.2026,c2,p,1,5.00\n3,2026-03-02,c3,p,1,x\n"
)


def test_a_replay_takes_what_is_said_now(shop: Shop, tmp_path: Path) -> None:
    """Rows that a declaration explains are kept with the consent that was given for their file; what was said stays."""
    path = tmp_path / "lines.csv"
    path.write_text(LINES)
    ((_, account),) = import_files(shop, [path], purposes=[Purpose.TRAIN], consent_source="terms")
    assert (account.kept, account.quarantined) == (1, 2)
    assert [one.kept for one in replay(shop)] == [0]
    (again,) = replay(shop, declared=["date_format=%d.%m.%Y"])
    assert (again.read, again.kept, again.quarantined, again.replayed) == (2, 1, 1, account.import_id)
    assert shop.consent_of(PersonKey("c2")).allows(Purpose.TRAIN)
    assert not shop.consent_of(PersonKey("c3")).allows(Purpose.TRAIN)
    bad = shop.quarantine.list()[0]
    shop.quarantine.fix(bad.id, {"date": "02.04.2026", "price": "2.00"})
    assert [one.kept for one in replay(shop)] == [1]
    with pytest.raises(DataError):
        replay(shop, declared=["date=1"])


def test_words_of_a_map_file(shop: Shop, tmp_path: Path) -> None:
    """A map file says what words mean, at an import and afterwards, of requests too; an unknown column is named."""
    words, path = tmp_path / "words.toml", tmp_path / "feedback.jsonl"
    words.write_text('[values.action]\nfork = "wishlist_add"\nfly = "product_view"\n')
    fork = '{"FeedbackType": "fork", "UserId": "u%d", "ItemId": "i", "Timestamp": "2026-03-01T10:00:00Z"}\n'
    path.write_text(fork % 1)
    import_files(shop, [path])
    shop.collect([VIEW | {"action": "fly"}])
    assert shop.quarantine.counts() == {"unknown_action": 2}
    assert [one.kept for one in replay(shop, mapping=words)] == [1, 1]
    path.write_text(fork % 2)
    ((_, account),) = import_files(shop, [path], mapping=words)
    assert (account.kept, account.format) == (1, "Gorse feedback")
    words.write_text('[values.colour]\nred = "blue"\n')
    with pytest.raises(DataError, match="map_unknown_column"):
        import_files(shop, [path], mapping=words)


CLICKS = "timestamp,visitorid,event,itemid,transactionid\n1760000000000,{who},view,p,\n"
VIEWS = "at,action,visitor\n2026-11-0{n} 10:00:00,page_view,v{n}\n2026-11-01 10:00:00,page_view,v1\nx,,,\n"


def _folder(tmp_path: Path, text: str) -> Path:
    folder = tmp_path / "history" / "2026"
    folder.mkdir(parents=True)
    for number in (1, 2, 3):
        (folder / f"{number}.csv").write_text(text.format(n=number, who=number), "utf-8")
    (folder / "_SUCCESS").touch()
    return folder.parent


def test_a_folder_is_its_files(shop: Shop, tmp_path: Path) -> None:
    """Each file of it is imported, those of folders in it too; a preview shows the first."""
    folder = _folder(tmp_path, VIEWS)
    assert [Path(one.file).name for one in preview_files(shop, [folder])] == ["1.csv"]
    accounts = import_files(shop, [folder])
    assert [(name, one.read, one.kept, one.duplicate, one.quarantined) for name, one in accounts] == [
        ("1.csv", 3, 1, 1, 1), ("2.csv", 3, 1, 1, 1), ("3.csv", 3, 1, 1, 1),
    ]  # fmt: skip


def _with_spark(tmp_path: Path) -> Shop:
    folder = tmp_path / "on-spark"
    Shop.create(folder, name="t", currency="USD", timezone="UTC", language="en").close()
    with (folder / "shop.toml").open("a", encoding="utf-8") as settings:
        settings.write('\n[batch]\nengine = "spark"\nmaster = "local[2]"\n')
    return Shop.open(folder)


def test_a_folder_of_a_known_format_stays_here(tmp_path: Path) -> None:
    """Where the engine is Spark it is imported file by file without it, under the folder's name."""
    with _with_spark(tmp_path) as shop:
        accounts = import_files(shop, [_folder(tmp_path, CLICKS)])
        assert [(one.format != "", one.kept) for _, one in accounts] == [(True, 1)] * 3
        with shop.lake.connect(tables=["events"]) as con:
            assert con.execute("SELECT DISTINCT source FROM events").fetchall() == [("file:history",)]


def test_consent_reaches_whom_another_file_had_brought(shop: Shop, tmp_path: Path) -> None:
    """Everybody in a file agreed to what is said of it, also where all their rows were known; no no becomes a yes. The
    same holds for rows that a replay finds to be known."""
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    rows = "1,2026-03-01,c1,p,1,10.00\n2,2026-03-01,c2,p,1,5.00\n3,2026-03-02,,p,1,5.00\n"
    head, _, _ = LINES.partition("\n")
    first.write_text(f"{head}\n{rows}")
    second.write_text(f"{head}\n{rows}4,2026-03-03,c4,p,1,x\n5,2026-03-03,c5,p,1,5.00\n")
    shop.state.consent.record(
        PersonKey("c2"), {Purpose.TRAIN: False}, at=datetime(2026, 1, 1, tzinfo=UTC), source="form"
    )
    import_files(shop, [first])
    assert shop.state.consent.may_train() == []
    ((_, account),) = import_files(shop, [second], purposes=[Purpose.TRAIN], consent_source="terms")
    assert (account.duplicate, account.again) == (3, ("c1", "c2"))
    assert shop.state.consent.may_train() == ["c1", "c5"]
    first.write_text(f"{head}\n4,2026-03-03,c4,p,1,7.00\n")
    import_files(shop, [first])
    shop.quarantine.fix(shop.quarantine.list()[0].id, {"price": "7.00"})
    assert [(one.kept, one.duplicate) for one in replay(shop)] == [(0, 1)]
    assert shop.state.consent.may_train() == ["c1", "c4", "c5"]


def test_the_overview_counts_the_products_that_its_list_shows(shop: Shop, tmp_path: Path) -> None:
    """A shop without a catalogue has the products that were sold."""
    path = tmp_path / "lines.csv"
    path.write_text(LINES)
    import_files(shop, [path])
    totals = reports.overview(shop.snapshot(), days=9, timezone="UTC")["totals"]
    assert totals["products"] == reports.product_list(shop.snapshot()).num_rows == 1


def test_a_held_row_is_one_sentence_in_both_languages(shop: Shop) -> None:
    """What is wrong ends before the bracket that says where the row is kept."""
    shop.collect([VIEW | {"action": "fly"}])
    (row,) = shop.quarantine.list()
    assert held_sentence("zh", row).count("。") == 0
    assert held_sentence("en", row).count(".") == 0
