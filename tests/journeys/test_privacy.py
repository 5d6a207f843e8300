"""Laws of trust: erased means no byte left, no consent means no trace of the person in the answer."""

import json
from pathlib import Path

import pytest
from small_shop import build

from shopkeeper.core.consent import Purpose
from shopkeeper.core.decision import Request
from shopkeeper.core.ids import CustomerId, VisitorId
from shopkeeper.shop import Shop, people
from shopkeeper.shop.importing import import_files
from shopkeeper.shop.training import train

CANARIES = ("canary-cust-77", "canary-vis-88", "canary-mail@example.org", "Canary Name", "canary search words")


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return build(tmp_path / "shop")


def _seed(shop: Shop) -> None:
    """One person in every place that keeps personal data: files, requests, quarantine, decisions, models, consent."""
    customer, visitor, mail, name, words = CANARIES
    folder = shop.folder.parent
    (folder / "customers.csv").write_text(f"id,name,email\n{customer},{name},{mail}\n", "utf-8")
    lines = "\n".join(f"canary-o{n},2026-1{n % 2}-0{n + 1}T10:00:00Z,{customer},p0{n},1,5.00" for n in range(5))
    bad = f"canary-bad,never,{customer},p01,1,5.00"
    (folder / "orders.csv").write_text(f"order,at,customer,product,quantity,price\n{lines}\n{bad}\n", "utf-8")
    given = (Purpose.PERSONALISE, Purpose.TRAIN)
    import_files(shop, [folder / "customers.csv"], kind="customers")
    import_files(shop, [folder / "orders.csv"], kind="order_lines", purposes=given, consent_source="test")
    verdicts = shop.collect(
        [
            {"id": "canary-1", "action": "search", "visitor": visitor, "query": words},
            {"id": "canary-2", "action": "product_view", "visitor": visitor, "customer": customer, "product": "p02"},
            {"id": "canary-3", "action": "teleport", "customer": customer},
            {"id": "canary-4", "action": "consent", "visitor": visitor, "properties": {"personalise": "true"}},
        ]
    )
    assert [verdict.status for verdict in verdicts] == ["stored", "stored", "quarantined", "stored"]
    train(shop, judged=False)
    request = Request(placement="home", at=shop.clock(), customer=CustomerId(customer), visitor=VisitorId(visitor))
    assert shop.decide(request).personal
    for path in folder.glob("*.csv"):
        path.unlink()


def _files_with(folder: Path, text: str) -> list[str]:
    needle = text.encode()
    return [
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and needle in path.read_bytes()
    ]


def test_erased_means_no_byte_left(shop: Shop) -> None:
    """Before erasing, the export holds every canary; after it no file of the shop does, and nobody else lost a row."""
    _seed(shop)
    exported = json.dumps(people.export(shop, CANARIES[0]), default=str, ensure_ascii=False)
    assert [canary for canary in CANARIES if canary not in exported] == []
    others = "SELECT count(*) AS n FROM order_lines WHERE customer <> $customer"
    before = shop.snapshot().query(others, {"customer": CANARIES[0]}).to_pylist()
    gone = people.erase(shop, CANARIES[0])
    assert gone["order_lines"] == 5
    assert gone["events"] >= 3
    assert gone["decisions"] == 1
    assert gone["quarantine"] == 2
    assert gone["models"] > 0
    assert shop.snapshot().query(others, {"customer": CANARIES[0]}).to_pylist() == before
    assert {canary: _files_with(shop.folder, canary) for canary in CANARIES} == {canary: [] for canary in CANARIES}
    assert [entry.deed for entry in shop.state.ledger.entries()][-1] == "erase"
    answer = shop.preview(Request(placement="home", at=shop.clock(), customer=CustomerId(CANARIES[0])))
    assert not answer.personal
    shop.close()


def _shown(shop: Shop, **who: object) -> list[object]:
    request = Request(placement="home", at=shop.clock(), seed=5, **who)  # type: ignore[arg-type]  # ids are texts
    return list(shop.preview(request).choices)


def test_no_consent_is_the_list_for_everybody(shop: Shop) -> None:
    """Without consent, when asked for, and after withdrawing, the answer is byte for byte the non-personal one; with
    consent it is the person's own."""
    nobody = _shown(shop)
    assert _shown(shop, customer="c01") != nobody
    assert _shown(shop, customer="c01", mode="nonpersonal") == nobody
    assert _shown(shop, customer="stranger") == nobody
    assert _shown(shop, visitor="new-browser") == nobody
    withdrawn = {"id": "w1", "action": "consent", "customer": "c01", "properties": {"personalise": "false"}}
    assert shop.collect([withdrawn])[0].status == "stored"
    assert _shown(shop, customer="c01") == nobody
    shop.close()


def test_a_signed_in_browser_needs_both_consents(shop: Shop) -> None:
    """A visitor who agreed and then signs in as a customer who did not is not shown the customer's history."""
    shop.collect([{"id": "a", "action": "consent", "visitor": "v9", "properties": {"personalise": "true"}}])
    shop.collect([{"id": "b", "action": "consent", "customer": "c02", "properties": {"personalise": "false"}}])
    nobody = _shown(shop)
    shop.collect([{"id": "c", "action": "identify", "visitor": "v9", "customer": "c02"}])
    assert _shown(shop, visitor="v9") == nobody
    shop.close()


def test_training_leaves_out_who_did_not_agree(shop: Shop) -> None:
    """Whoever withdraws consent to training is in no history that models learn from."""
    assert "c05" in shop.snapshot().histories().people.tolist()
    shop.collect([{"id": "t", "action": "consent", "customer": "c05", "properties": {"train": "false"}}])
    assert "c05" not in shop.snapshot().histories().people.tolist()
    shop.close()
