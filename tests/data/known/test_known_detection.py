# ruff: noqa: E501  # statements and tables are easier to read in long lines
"""What a file's own cells prove about its dates and amounts is used and said; what they do not prove is asked."""

from pathlib import Path
from typing import Any

import pytest
from taking import importing, rows, write

from shopkeeper import locale
from shopkeeper.core.errors import DataError
from shopkeeper.data.mapping import NO_MAPPING, declare


def lines(*dates: str, price: str = "1.00") -> str:
    return "order_id;date;sku;price\n" + "".join(f"o{n};{date};s1;{price}\n" for n, date in enumerate(dates))


@pytest.mark.parametrize(
    ("dates", "form", "first"),
    [
        (("03/04/2026", "25/04/2026"), "%d/%m/%Y", "2026-04-03 00:00"),
        (("3/4/2026 9:05", "4/25/2026 19:05"), "%m/%d/%Y %H:%M", "2026-03-04 09:05"),
        (("03.04.26", "31.12.25"), "%d.%m.%y", "2026-04-03 00:00"),
        (("03-04-2026 09:05:07 PM", "13-04-2026 09:05:07 AM"), "%d-%m-%Y %I:%M:%S %p", "2026-04-03 21:05"),
        (("2026年4月3日", "2026年11月3日"), "%Y年%m月%d日", "2026-04-03 00:00"),
    ],
)
def test_a_day_above_twelve_tells_the_order(tmp_path: Path, dates: tuple[str, ...], form: str, first: str) -> None:
    """All rows are read that way, and the account says so."""
    with importing(tmp_path) as importer:
        (account,) = importer.take(write(tmp_path, "f.csv", lines(*dates)))
        assert (account.kept, account.quarantined) == (len(dates), 0)
        assert [one.facts["format"] for one in account.warnings if one.key == "date_format_found"] == [form]
        assert rows(importer, "SELECT strftime(\"at\", '%Y-%m-%d %H:%M') FROM order_lines WHERE order_id = 'o0'") == [
            (first,)
        ]


def test_a_date_that_can_be_read_in_two_ways_is_asked(tmp_path: Path) -> None:
    """The whole file is refused with both readings, until one is declared; then it means that."""
    path = write(tmp_path, "f.csv", lines("03/04/2026", "05/06/2026"))
    with importing(tmp_path) as importer:
        with pytest.raises(DataError) as caught:
            importer.take(path)
        assert caught.value.key == "date_format_unclear"
        said = locale.say("en", "errors", caught.value.key, **caught.value.facts)
        assert "%d/%m/%Y" in said
        assert "%m/%d/%Y" in said
        assert importer.lake.files("order_lines") == []
        (account,) = importer.take(path, mapping=declare(NO_MAPPING, ["date_format=%m/%d/%Y"]))
        assert account.kept == 2
        assert rows(importer, "SELECT strftime(min(\"at\"), '%Y-%m-%d') FROM order_lines") == [("2026-03-04",)]


def test_proof_may_stand_far_down(tmp_path: Path) -> None:
    """Where the first rows prove nothing, the whole column is asked before anybody else is."""
    path = write(tmp_path, "f.csv", lines(*["03/04/2026"] * 10_001, "25/04/2026"))
    with importing(tmp_path) as importer:
        assert importer.take(path)[0].kept == 10_002


@pytest.mark.parametrize(
    ("price", "currency", "wanted"),
    [
        ("12,50", "USD", (1250, "USD", "decimal_comma_found")), ("1.299,00", "USD", (129900, "USD", "decimal_comma_found")),
        ("€12.50", "USD", (1250, "EUR", "currency_found")), ("12,50 €", "USD", (1250, "EUR", "decimal_comma_found")),
        ("CHF 1,299.00", "EUR", (129900, "CHF", "currency_found")), ("¥1,299.00", "CNY", (129900, "CNY", "currency_found")),
        ("$5.00", "AUD", (500, "AUD", "currency_found")), ("¥1,299", "JPY", None), ("1,299", "USD", None),
    ],
)  # fmt: skip
def test_amounts(tmp_path: Path, price: str, currency: str, wanted: Any) -> None:
    """A decimal comma and a currency's sign are understood where they are certain; "1,299" is not, and is held."""
    with importing(tmp_path, currency=currency) as importer:
        (account,) = importer.take(write(tmp_path, "f.csv", lines("2026-11-01", price=price)))
        if wanted is None:
            assert dict(account.by_reason) == {"not_an_amount": 1}
        else:
            assert rows(importer, "SELECT price_minor, currency FROM order_lines") == [wanted[:2]]
            assert wanted[2] in [one.key for one in account.warnings]


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (lines("2026-11-01", price="12,50") + "x;2026-11-01;s;12.50\n", "decimal_unclear"),
        (lines("2026-11-01", price="$12.50"), "currency_unclear"), (lines("2026-11-01", price="¥12.50"), "currency_unclear"),
    ],
)  # fmt: skip
def test_amounts_that_are_not_certain_are_asked(tmp_path: Path, data: str, key: str) -> None:
    """Refused whole with a sentence in both languages; nothing is stored."""
    with importing(tmp_path, currency="EUR") as importer:
        with pytest.raises(DataError) as caught:
            importer.take(write(tmp_path, "f.csv", data))
        assert caught.value.key == key
        assert all("--declare" in locale.say(lang, "errors", key, **caught.value.facts) for lang in ("en", "zh"))
        assert importer.lake.files("order_lines") == []


def test_a_preview_stores_nothing_and_says_what_would_be(tmp_path: Path) -> None:
    """The first rows with their fate, in a plain file and in a known format; an import afterwards does just that."""
    data = "order_id,date,sku,price\no1,2026-11-01,s1,1.00\no1,2026-11-01,s1,1.00\no2,2026-11-01,s1,x\n"
    path = write(tmp_path, "f.csv", data + "".join(f"p{n},2026-11-01,s1,1\n" for n in range(40)))
    with importing(tmp_path) as importer:
        (told,) = importer.preview(path)
        assert (told.kind, len(told.rows)) == ("order_lines", 20)
        assert [(row.line, row.fate, row.reason) for row in told.rows[:4]] == [
            (2, "kept", ""), (3, "duplicate", ""), (4, "quarantined", "not_an_amount"), (5, "kept", ""),
        ]  # fmt: skip
        assert told.rows[0].values["price_minor"] == 100
        assert (importer.lake.files("order_lines"), importer.quarantine.counts()) == ([], {})
        importer.take(path)
        assert {row.fate for row in importer.preview(path)[0].rows} == {"duplicate", "quarantined"}
        log = "timestamp,visitorid,event,itemid,transactionid\n1793527200000,v1,view,i1,\n1793527200000,v1,transaction,i1,t1\n"
        shown = importer.preview(write(tmp_path, "log.csv", log))
        assert [(one.kind, one.format, [row.fate for row in one.rows]) for one in shown] == [
            ("order_lines", "RetailRocket events", ["kept"]), ("events", "RetailRocket events", ["kept"]),
        ]  # fmt: skip


@pytest.mark.parametrize("pair", ["date", "colour=red", "decimal=;", "timezone=Mars/Olympus"])
def test_impossible_declarations_are_refused(pair: str) -> None:
    """With the ones that exist."""
    with pytest.raises(DataError, match="map_bad"):
        declare(NO_MAPPING, [pair])


def test_a_guessed_encoding_comes_with_a_choice(tmp_path: Path) -> None:
    """The warning shows a word as it reads and the other readings; the one that is declared is used."""
    data = ("id,name,price\n" + "".join(f"s{n},Crème brûlée façon {n},1.00\n" for n in range(40))).encode("cp1252")
    path = write(tmp_path, "f.csv", data)
    with importing(tmp_path) as importer:
        (told,) = importer.preview(path, "products")
        (warning,) = [one for one in told.warnings if one.key == "encoding_guessed"]
        readings = f"{warning.facts['encoding']}: {warning.facts['sample']}, {warning.facts['others']}"
        assert "cp1252: Crème" in readings or warning.facts["sample"] == "Crème"
        assert locale.say("zh", "checks", warning.key, **warning.facts)
        (account,) = importer.take(path, "products", mapping=declare(NO_MAPPING, ["encoding=cp1252"]))
        assert "encoding_guessed" not in [one.key for one in account.warnings]
        assert rows(importer, "SELECT name FROM products WHERE id = 's7'") == [("Crème brûlée façon 7",)]
