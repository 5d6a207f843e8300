"""A shop to which anything a shop can meet happens in any order, against a model of what must be true of it.

Events come, come again, and come with another body; orders and products are imported, sold out and back; people say yes
and no, are joined with their browsers and erased; what was held is replayed; the shop is trained, drained, compacted,
backed up, restored, closed, and ends as by ``kill -9``; the clock goes forth and back. After every step each answer is
one that a shopper may be shown, and every event is in the journal or in the lake, once; what was not believed is held,
once; of who was erased nothing is there. At the end the doctor finds nothing wrong.
"""

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from batches import new_shop
from deeds import SETTINGS
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from shopkeeper.core.consent import Purpose
from shopkeeper.core.decision import Decision, Request
from shopkeeper.core.errors import DataError
from shopkeeper.core.ids import CustomerId, DecisionId, PersonKey, ProductId, VisitorId
from shopkeeper.data.account import Account
from shopkeeper.data.journal import EVENT
from shopkeeper.settings import FILE
from shopkeeper.shop import Shop, backups
from shopkeeper.shop.doctor import examine
from shopkeeper.shop.importing import import_files, replay
from shopkeeper.shop.people import erase
from shopkeeper.shop.training import train

MEMORY = Path("/dev/shm") if Path("/dev/shm").is_dir() else None  # noqa: S108  # folders of their own, by tempfile
PEOPLE = ("ann", "bo", "cy")
PRODUCTS = tuple(f"p{number}" for number in range(8))
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
NOT_WRONG = ("sync_memory", "no_space", "clock")
"""What the doctor may say of this machine, and of a shop that lives in 2026."""
UNTRAINED = ("no_training_consent", "too_little_history", "no_events")
PURPOSES = ("personalise", "train")
_TOGETHER = st.lists(st.sampled_from(PRODUCTS), max_size=3, unique=True)

people = st.sampled_from(PEOPLE)
products = st.sampled_from(PRODUCTS)
either = st.booleans()


@cache
def prepared() -> Path:
    """A shop that knows its products and has sold a few."""
    folder = Path(tempfile.mkdtemp(dir=MEMORY, prefix="machine-")) / "shop"
    new_shop(folder)
    with (folder / FILE).open("a", encoding="utf-8") as settings:
        settings.write(SETTINGS)
    with Shop.open(folder, clock=lambda: NOON) as shop:
        _import(shop, "products", [{"id": one, "name": one, "price": "2.00", "stock": 9} for one in PRODUCTS])
        lines = [
            {"order": f"O{number}", "line": 1, "customer": PEOPLE[number % 3], "product": PRODUCTS[number % 8],
             "quantity": 1, "price": "2.00", "at": (NOON - timedelta(days=number + 1)).isoformat()}
            for number in range(40)
        ]  # fmt: skip
        _import(shop, "order_lines", lines, purposes=tuple(Purpose), consent_source="simulated")
        train(shop, judged=False)
    return folder


def _import(shop: Shop, kind: str, rows: list[dict[str, Any]], **more: Any) -> list[tuple[str, Account]]:
    with tempfile.TemporaryDirectory(dir=MEMORY) as aside:
        file = Path(aside) / f"{kind}.jsonl"
        file.write_text("\n".join(map(json.dumps, rows)), "utf-8")
        return import_files(shop, [file], kind=kind, **more)


@dataclass(slots=True)
class Lived:
    """How many lives were tried, and how many steps, each with every law looked at after it."""

    lives: int = 0
    steps: int = 0


LIVED = Lived()


def live(lives: int, steps: int, *, of: int | None = None) -> Lived:
    """Let shops live; ``of``: whose chances differ with the number, else they are the same each time.

    Raises:
        AssertionError: a law was broken; the shortest life that breaks it is told.
    """
    plan = settings(
        max_examples=lives, stateful_step_count=steps, deadline=None, database=None, derandomize=of is None,
        suppress_health_check=list(HealthCheck), print_blob=True,
    )  # fmt: skip
    before = replace(LIVED)
    run_state_machine_as_test(Life if of is None else seed(of)(Life), settings=plan)
    return Lived(lives=LIVED.lives - before.lives, steps=LIVED.steps - before.steps)


class Life(RuleBasedStateMachine):
    """One shop's life and what must be true of it."""

    def __init__(self) -> None:
        super().__init__()
        self.aside = Path(tempfile.mkdtemp(dir=MEMORY, prefix="life-"))
        self.now, self.number = NOON, 0
        self.kept: dict[str, dict[str, Any]] = {}
        """Every event that was stored and whose person was not erased since."""
        self.erased: dict[str, dict[str, Any]] = {}
        """Events of people who were erased; sent again they stay so."""
        self.held: dict[str, dict[str, Any]] = {}
        """What was not believed, and is not of anybody who was erased since."""
        self.conflicts: list[str] = []
        """Events under whose id another came, as often as one did."""
        self.lines: dict[tuple[str, int], str] = {}
        """Order lines that a file brought, and whose they are."""
        self.others: set[str] = set()
        """Events that were there in the beginning, or that imports made of orders."""
        self.told_at: dict[tuple[str, str], datetime] = {}
        self.unsure: set[tuple[str, str]] = set()
        """Answers of a clock that had gone back: whoever gave one may be taken at their older word, if that was no."""
        self.decided: dict[DecisionId, Decision] = {}
        """Answers that a drain has to explain; a kill may take one with it, which waits for no disk."""
        self.sold_out: set[str] = set()
        self.agreed: dict[tuple[str, str], bool] = {}
        self.days: dict[str, datetime] = {}
        """When each event was received."""
        self.imported: list[tuple[dict[str, Any], bool]] = []
        """Lines of files, and whether they lay ahead of the clock when they came."""
        self.orders: dict[str, str] = {}
        """Events that imports made of orders, and whose they are."""
        self.bad_lines: list[str] = []
        """Whose lines of files are held."""
        self.joined: set[str] = set()
        """People who have signed in on their browser."""

    @initialize()
    def begin(self) -> None:
        LIVED.lives += 1
        shutil.copytree(prepared(), self.aside / "shop")
        self.shop = self._open("shop")
        self.others = set(self._events())
        with self.shop.lake.connect(tables=("events",)) as con:
            rows = con.sql("SELECT customer, id FROM events").fetchall()
        self.theirs = {person: {name for whose, name in rows if whose == person} for person in PEOPLE}
        for person in PEOPLE:
            self.agreed |= {(person, purpose): True for purpose in PURPOSES}
            self.told_at |= {(person, purpose): NOON for purpose in PURPOSES}

    def _open(self, name: str) -> Shop:
        return Shop.open(self.aside / name, clock=self._clock)

    def _clock(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def _send(self, **event: Any) -> None:
        self.number += 1
        told = {"id": f"e{self.number}", **event}
        (verdict,) = self.shop.collect([told])
        assert verdict.status == "stored", (told, verdict)
        self.kept[told["id"]] = told
        self.days[told["id"]] = self.now

    def _who(self, person: str, browser: bool) -> dict[str, str]:
        return {"visitor": f"browser-of-{person}"} if browser else {"customer": person}

    @rule(
        person=people, browser=either, product=products, action=st.sampled_from(("product_view", "cart_add", "dismiss"))
    )
    def look_at_a_product(self, person: str, browser: bool, product: str, action: str) -> None:
        more = {"quantity": 1} if action == "cart_add" else {}
        self._send(action=action, product=product, **self._who(person, browser), **more)

    @rule(person=people, bought=st.lists(products, min_size=1, max_size=3, unique=True))
    def order(self, person: str, bought: list[str]) -> None:
        lines = [{"product": product, "quantity": 1, "price": "2.00"} for product in bought]
        self._send(action="order", order=f"o{self.number}", customer=person, lines=lines)

    @rule(person=people, text=st.text(min_size=1, max_size=8, alphabet="茶 tea<&'\"%🙂"))
    def search(self, person: str, text: str) -> None:
        if text.strip():
            self._send(action="search", customer=person, query=text)

    @rule(person=people)
    def sign_in(self, person: str) -> None:
        self._send(action="identify", customer=person, visitor=f"browser-of-{person}")
        self.joined.add(person)

    @rule(person=people, purpose=st.sampled_from(PURPOSES), given=either)
    def answer(self, person: str, purpose: str, given: bool) -> None:
        self._send(action="consent", customer=person, properties={purpose: str(given).lower()})
        self.agreed[person, purpose] = given
        late = given and self.now < self.told_at[person, purpose]
        (self.unsure.add if late else self.unsure.discard)((person, purpose))
        self.told_at[person, purpose] = max(self.now, self.told_at[person, purpose])

    @rule(product=products, level=st.sampled_from((0, 0, 3)))
    def count_the_stock(self, product: str, level: int) -> None:
        self._send(action="stock_change", product=product, quantity=level)
        self._level(product, level)

    @rule(levels=st.dictionaries(products, st.sampled_from((0, 5)), min_size=1, max_size=4))
    def import_products(self, levels: dict[str, int]) -> None:
        rows = [{"id": one, "name": one, "price": "3.00", "stock": level} for one, level in levels.items()]
        _import(self.shop, "products", rows)
        self.shop.reload(anew=True)
        for product, level in levels.items():
            self._level(product, level)

    def _level(self, product: str, level: int) -> None:
        (self.sold_out.discard if level else self.sold_out.add)(product)

    def _remembered(self, events: Iterable[str]) -> list[str]:
        """Of which events a retry still has no effect: orders for ever, others for weeks."""
        return sorted(
            name
            for name in events
            if "order" in self._event(name) or abs(self.now - self.days[name]) < timedelta(days=40)
        )

    def _event(self, name: str) -> dict[str, Any]:
        return self.kept.get(name) or self.erased[name]

    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        """Also of who was erased: it does not come back."""
        known = self._remembered([*self.kept, *self.erased])
        if not known:
            return
        again = data.draw(st.lists(st.sampled_from(known), min_size=1, max_size=5))
        verdicts = self.shop.collect([self._event(name) for name in again])
        assert {verdict.status for verdict in verdicts} == {"duplicate"}, verdicts

    @rule(data=st.data())
    def send_another_under_an_id(self, data: st.DataObject) -> None:
        known = self._remembered(self.kept)
        if not known:
            return
        name = data.draw(st.sampled_from(known))
        self.number += 1
        (verdict,) = self.shop.collect(
            [{"id": name, "action": "search", "query": f"other {self.number}", "visitor": "x"}]
        )
        assert (verdict.status, verdict.reason) == ("quarantined", "id_conflict")
        self.conflicts.append(name)

    @rule(person=people)
    def send_what_makes_no_sense(self, person: str) -> None:
        self.number += 1
        told = {"id": f"e{self.number}", "action": "juggle", "customer": person}
        (verdict,) = self.shop.collect([told])
        assert verdict.status == "quarantined"
        self.held[told["id"]] = told

    @rule(meant=st.booleans())
    def replay_what_is_held(self, meant: bool) -> None:
        """Nothing changes until somebody says what the word means; then each is taken, once."""
        with tempfile.TemporaryDirectory(dir=MEMORY) as aside:
            said = Path(aside) / "map.toml"
            said.write_text('[values.action]\njuggle = "page_view"\n', "utf-8")
            accounts = replay(self.shop, mapping=said if meant else None)
        assert sum(one.read for one in accounts) == len(self.held) + len(self.conflicts) + len(self.bad_lines)
        assert sum(one.kept for one in accounts) == (len(self.held) if meant else 0)
        if meant:
            self.kept |= {name: {**event, "action": "page_view"} for name, event in self.held.items()}
            self.days |= dict.fromkeys(self.held, self.now)
            self.held = {}

    @rule(person=people, bought=st.lists(products, min_size=1, max_size=3, unique=True), again=either)
    def import_an_order(self, person: str, bought: list[str], again: bool) -> None:
        """A new order, one line of which cannot be believed, beside one that is known. What lies ahead of a clock that
        was put back says another moment, and so something else than the same line before: such are tried elsewhere."""
        self.number += 1
        at = (NOON - timedelta(days=1)).isoformat()
        ahead = self.now < NOON - timedelta(days=2)
        new = [
            {"order": f"f{self.number}", "line": line, "customer": person, "product": product, "quantity": 1,
             "price": "2.00", "at": at} for line, product in enumerate(bought, 1)
        ]  # fmt: skip
        there = [row for row, was in self.imported if was == ahead and (row["order"], row["line"]) in self.lines]
        known = there[-3:] if again else []
        bad = {**new[0], "line": 9, "quantity": "many"}
        ((_, account),) = _import(self.shop, "order_lines", [*known, *new, bad])
        assert (account.read, account.kept, account.duplicate, account.quarantined) == (
            len(known) + len(new) + 1, len(new), len(known), 1,
        )  # fmt: skip
        self.lines |= {(row["order"], row["line"]): person for row in new}
        self.imported += [(row, ahead) for row in new]
        self.others.add(f"order:f{self.number}")
        self.orders[f"order:f{self.number}"] = person
        self.bad_lines.append(person)

    @rule(hours=st.sampled_from((1, 24, 24 * 9, -1, -24)))
    def wait(self, hours: int) -> None:
        """Or the clock is put back."""
        self.now += timedelta(hours=hours)

    @rule()
    def compact(self) -> None:
        for table in ("events", "order_lines"):
            with self.shop.lake.rewriting():
                self.shop.lake.compact(table, at_least=2)

    @rule()
    def drain(self) -> None:
        self._send(action="page_view", customer="ann")  # when it is durable, so are the answers before it
        self.shop.drain()
        for name, decision in self.decided.items():
            assert self.shop.explain(name).choices == decision.choices
        self.decided = {}

    @rule()
    def train_again(self) -> None:
        try:
            train(self.shop, judged=False)
        except DataError as error:
            assert error.key in UNTRAINED  # noqa: PT017  # any other is raised by the next line's absence
        self.shop.reload()

    @rule()
    def close_and_open(self) -> None:
        self.shop.close()
        self.shop = self._open(self.shop.folder.name)

    def _move_to(self, name: str) -> None:
        self.decided = {}
        before = self.shop
        self.shop = self._open(name)
        before.close()
        shutil.rmtree(before.folder)

    @rule()
    def end_as_by_kill_9(self) -> None:
        """What a kill leaves: the files as they stand, nothing put in order."""
        self.number += 1
        shutil.copytree(self.shop.folder, self.aside / f"shop-{self.number}")
        self._move_to(f"shop-{self.number}")

    @rule()
    def restore_a_backup(self) -> None:
        self.number += 1
        backup = self.aside / f"backup-{self.number}"
        backups.backup(self.shop.folder, backup)
        backups.restore(backup, self.aside / f"shop-{self.number}")
        shutil.rmtree(backup)
        self._move_to(f"shop-{self.number}")

    @rule(person=people)
    def erase(self, person: str) -> None:
        erase(self.shop, person)
        gone = {person} | ({f"browser-of-{person}"} if person in self.joined else set())
        lost = {name for name, event in self.kept.items() if {event.get("customer"), event.get("visitor")} & gone}
        self.erased |= {name: self.kept.pop(name) for name in lost}
        self.held = {name: event for name, event in self.held.items() if event["customer"] not in gone}
        left = Counter(
            json.loads(row.raw)["id"] for row in self.shop.quarantine.list(reason="id_conflict", limit=1_000)
        )
        mine, others = (
            Counter(name for name in self.conflicts if (name in lost) == erased) for erased in (True, False)
        )
        assert not others - left, "what names nobody who was erased is held on"
        assert not left - others - mine
        self.conflicts = list(left.elements())  # those that quoted the erased event are gone with it
        self.bad_lines = [whose for whose in self.bad_lines if whose != person]
        self.lines = {key: whose for key, whose in self.lines.items() if whose != person}
        self.others -= {name for name, whose in self.orders.items() if whose == person} | self.theirs[person]
        self.joined.discard(person)
        for purpose in PURPOSES:
            self.agreed[person, purpose] = False
            self.told_at[person, purpose] = self.now
            self.unsure.discard((person, purpose))

    @rule(
        person=st.sampled_from((*PEOPLE, "stranger")), browser=either,
        place=st.sampled_from(("home", "product", "cart")), page=st.sampled_from((*PRODUCTS, "unheard-of")),
        cart=_TOGETHER, exclude=_TOGETHER, count=st.integers(1, 12),
    )  # fmt: skip
    def ask(
        self, person: str, browser: bool, place: str, page: str, cart: list[str], exclude: list[str], count: int
    ) -> None:
        request = Request(
            placement=place, at=self.now, count=count, product=ProductId(page) if place == "product" else None,
            customer=None if browser else CustomerId(person),
            visitor=VisitorId(f"browser-of-{person}") if browser else None,
            cart=tuple(map(ProductId, cart)) if place == "cart" else (), exclude=tuple(map(ProductId, exclude)),
        )  # fmt: skip
        decision = self.shop.decide(request)
        shown = [str(choice.item) for choice in decision.choices]
        assert len(shown) == len(set(shown)) <= count
        assert set(shown) <= set(PRODUCTS) - self.sold_out - set(exclude), (shown, self.sold_out)
        self.decided[decision.id] = decision

    @rule()
    def consent_is_as_it_was_answered(self) -> None:
        for (person, purpose), given in self.agreed.items():
            if (person, purpose) in self.unsure:
                continue
            assert self.shop.consent_of(PersonKey(person)).allows(Purpose(purpose)) == given, (person, purpose)

    def _events(self) -> list[str]:
        """Ids in the lake, and of what waits to come there."""
        with self.shop.lake.connect(tables=("events",)) as con:
            landed = [name for (name,) in con.sql("SELECT id FROM events").fetchall()]
        return landed + [entry.id for entry in self.shop.journal.undrained() if entry.kind == EVENT]

    @invariant()
    def every_event_is_there_once(self) -> None:
        if not hasattr(self, "shop"):
            return
        LIVED.steps += 1
        found, wanted = Counter(self._events()), Counter([*self.kept, *self.others])
        assert found == wanted, (wanted - found, found - wanted)

    @invariant()
    def what_was_not_believed_is_held_once(self) -> None:
        if hasattr(self, "shop"):
            counts = self.shop.quarantine.counts()
            assert sum(counts.values()) == len(self.held) + len(self.conflicts) + len(self.bad_lines), counts

    @invariant()
    def every_imported_line_is_there_once(self) -> None:
        if hasattr(self, "shop"):
            with self.shop.lake.connect(tables=("order_lines",)) as con:
                found = con.sql("SELECT order_id, line FROM order_lines WHERE order_id LIKE 'f%'").fetchall()
            assert Counter(found) == Counter(self.lines.keys())

    def teardown(self) -> None:
        if not hasattr(self, "shop"):
            return
        try:
            self.shop.drain()
            self.every_event_is_there_once()
            self.consent_is_as_it_was_answered()
            folder = self.shop.folder
            self.shop.close()
            wrong = [one for one in examine(folder) if one.level == "wrong" and one.key not in NOT_WRONG]
            assert not wrong, wrong
        finally:
            self.shop.close()
            shutil.rmtree(self.aside)
