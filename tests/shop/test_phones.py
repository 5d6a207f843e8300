# ruff: noqa: E501  # statements and tables are easier to read in long lines
"""Laws of telephone numbers: who ordered by one alone is the one customer whose number it is, whichever file came first."""

import csv
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from shopkeeper.core.consent import Purpose
from shopkeeper.core.identity import Runs
from shopkeeper.core.ids import PersonKey
from shopkeeper.core.live import SignIn
from shopkeeper.data import reports
from shopkeeper.features.browsers import Joining, Part
from shopkeeper.shop import Shop, people
from shopkeeper.shop.browsers import identity_facts, known_as, unlink
from shopkeeper.shop.importing import import_files

ORDERS = (
    "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,Currency,Subtotal,Shipping,Taxes,"
    "Total,Discount Code,Discount Amount,Shipping Method,Created at,Lineitem quantity,Lineitem name,Lineitem price,"
    "Lineitem compare at price,Lineitem sku,Lineitem requires shipping,Lineitem taxable,Lineitem fulfillment status,"
    "Billing Name,Billing Street,Billing Address1,Billing Address2,Billing Company,Billing City,Billing Zip,Billing Province,"
    "Billing Country,Billing Phone,Shipping Name,Shipping Street,Shipping Address1,Shipping Address2,Shipping Company,"
    "Shipping City,Shipping Zip,Shipping Province,Shipping Country,Shipping Phone,Notes,Note Attributes,Cancelled at,"
    "Payment Method,Payment Reference,Refunded Amount,Vendor,Outstanding Balance,Employee,Location,Device ID,Id,Tags,"
    "Risk Level,Source,Lineitem discount,Tax 1 Name,Tax 1 Value,Phone,Receipt Number,Duties,Payment ID"
).split(",")
CUSTOMERS = (
    "Customer ID,First Name,Last Name,Email,Accepts Email Marketing,Default Address Company,Default Address Address1,"
    "Default Address Address2,Default Address City,Default Address Province Code,Default Address Country Code,"
    "Default Address Zip,Default Address Phone,Phone,Accepts SMS Marketing,Total Spent,Total Orders,Note,Tax Exempt,Tags"
).split(",")
GIVEN = (Purpose.PERSONALISE, Purpose.TRAIN)
Row = dict[str, str]


def order(name: str, phone: str = "", email: str = "", country: str = "CN") -> Row:
    return {
        "Name": name, "Email": email, "Financial Status": "paid", "Currency": "USD", "Subtotal": "12.00", "Total": "12.00",
        "Created at": f"2026-03-0{name[-1]} 09:50:26 +0800", "Lineitem quantity": "1", "Lineitem name": "Tea",
        "Lineitem price": "12.00", "Lineitem sku": "TEA", "Billing Country": country, "Phone": phone,
    }  # fmt: skip


def row(number: str, email: str, phone: str = "", address_phone: str = "", country: str = "CN") -> Row:
    return {
        "Customer ID": f"'{number}", "First Name": "Li", "Last Name": "Hua", "Email": email, "Phone": phone,
        "Default Address Phone": address_phone, "Default Address Country Code": country, "Total Spent": "0", "Total Orders": "0",
        "Accepts Email Marketing": "no",
    }  # fmt: skip


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with closing(
        Shop.create(tmp_path / "shop", name="Tea", currency="USD", timezone="Asia/Shanghai", language="en")
    ) as made:
        yield made


def bring(shop: Shop, folder: Path, columns: Sequence[str], *rows: Row, agreed: bool = True) -> list[str]:
    """Import a file as Shopify writes it; the warnings of its account."""
    path = folder / f"{'orders' if 'Name' in columns else 'customers'}_export_{len(list(folder.glob('*.csv')))}.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    told = import_files(shop, [path], purposes=GIVEN if agreed else (), consent_source="terms")
    for _, account in told:
        assert account.read == account.kept + account.duplicate
    return [warning.key for _, account in told for warning in account.warnings]


def listed(shop: Shop) -> dict[str, tuple[int, float]]:
    """Each customer's orders and revenue, as `shopkeeper customers` shows them."""
    rows = reports.customer_list(shop.snapshot()).to_pylist()
    return {one["id"]: (one["orders"] or 0, one["revenue_minor"] or 0.0) for one in rows}


@pytest.mark.parametrize("first", ["orders", "customers"])
@pytest.mark.parametrize("written", ["'+8613800138000", "+86 138-0013-8000", "13800138000", "008613800138000"])
def test_one_person_whichever_file_came_first(shop: Shop, tmp_path: Path, first: str, written: str) -> None:
    """An order by telephone alone and one by e-mail are one customer's, in lists, histories, pages and exports, however the
    number is written; erased, both are gone."""
    files = [
        (ORDERS, [order("#1", "+8613800138000"), order("#2", "", "Li@x.cn")]),
        (CUSTOMERS, [row("7", "li@x.cn", written)]),
    ]
    for columns, rows in files if first == "orders" else reversed(files):
        bring(shop, tmp_path, columns, *rows)
    assert listed(shop) == {"li@x.cn": (2, 2400.0)}
    shop.state.consent.gather()
    assert shop.snapshot().histories().people.tolist() == ["li@x.cn"]
    assert people.customer(shop, "+8613800138000").id == "li@x.cn"
    assert len(people.export(shop, "li@x.cn")["order_lines"]) == 2
    gone = people.erase(shop, "+8613800138000")
    assert (gone["order_lines"], gone["customers"]) == (2, 1)
    assert listed(shop) == {}


def test_a_number_of_two_customers_is_nobodys(shop: Shop, tmp_path: Path) -> None:
    """Where two customers bear a number, what was ordered by it stays apart, the account and the shop say so, and erasing
    one of them leaves it."""
    bring(shop, tmp_path, ORDERS, order("#1", "+8613800138000"), order("#2", "", "b@x.cn"))
    said = bring(
        shop, tmp_path, CUSTOMERS, row("1", "a@x.cn", "+8613800138000"), row("2", "b@x.cn", "", "138 0013 8000")
    )
    assert "phones_shared" in said
    assert listed(shop) == {"a@x.cn": (0, 0.0), "b@x.cn": (1, 1200.0), "+8613800138000": (1, 1200.0)}
    facts = identity_facts(shop)
    assert facts["crowds"] == [{"kind": "phone", "id": "phone:+8613800138000", "others": 2}]
    assert (facts["counts"]["phones"], facts["counts"]["phones_shared"], facts["counts"]["browsers"]) == (0, 1, 0)
    assert people.erase(shop, "b@x.cn")["order_lines"] == 1
    assert listed(shop) == {"a@x.cn": (1, 1200.0)}  # now it is one customer's number


def test_nothing_is_joined_without_a_yes_or_against_a_wish(shop: Shop, tmp_path: Path) -> None:
    """Both must have agreed, as a browser and its customer must; a number that was unlinked stays apart; a number whose
    country nobody knows is nobody else's."""
    bring(shop, tmp_path, ORDERS, order("#1", "+8613800138000"), order("#2", "13900139000", country=""))
    bring(
        shop, tmp_path, CUSTOMERS, row("1", "a@x.cn", "+8613800138000"), row("2", "b@x.cn", "13900139000"), agreed=False
    )
    assert "+8613800138000" in listed(shop)
    people_named = map(PersonKey, ("a@x.cn", "b@x.cn"))
    shop.state.consent.record_all(people_named, GIVEN, at=shop.clock(), source="terms")
    assert listed(shop) == {"a@x.cn": (1, 1200.0), "b@x.cn": (0, 0.0), "13900139000": (1, 1200.0)}
    unlink(shop, "phone:+8613800138000", source="test")
    assert "+8613800138000" in listed(shop)
    assert known_as(shop, "+8613800138000") == "+8613800138000"


class _Quiet:
    """Nothing came since the training."""

    def sign_ins(self, browser: PersonKey) -> Sequence[SignIn]:  # nobody signed in
        return ()

    def browsers(self, customer: PersonKey) -> Sequence[PersonKey]:  # nobody signed in
        return ()


def test_the_next_answer_knows_both() -> None:
    """Serving answers a customer, their number, and a browser that was signed in as the number, with all of it; a number of
    two customers with its own alone."""
    pairs = [("phone:+8611", "a@x.cn"), ("phone:+8622", "b@x.cn"), ("phone:+8622", "c@x.cn"), ("v1", "+8611")]
    names = [np.array([each[place].encode() for each in pairs]) for place in (0, 1)]
    joining = Joining(runs=Runs(visitor=names[0], customer=names[1], at=np.array([50, 50, 60, 70], np.int64)))

    def keys(person: str) -> list[str]:
        return [part.key for part in joining.parts(PersonKey(person), _Quiet())]

    assert keys("a@x.cn") == keys("+8611") == keys("visitor:v1") == ["a@x.cn", "+8611", "visitor:v1"]
    assert keys("b@x.cn") == ["b@x.cn"]
    assert joining.parts(PersonKey("+8622"), _Quiet()) == [Part(PersonKey("+8622"))]
    assert joining.signed_in(PersonKey("+8622"), _Quiet()) is None
