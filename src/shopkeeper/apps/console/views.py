"""What answers each address of the console: reading pages, and forms that change something."""

import json
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from shopkeeper.apps.console.customer import evidence_values
from shopkeeper.apps.console.doors import same_origin
from shopkeeper.apps.console.visit import PREFIX, Visit, with_session
from shopkeeper.core.errors import NotAllowed, NotFound
from shopkeeper.core.ids import is_id
from shopkeeper.shop import browsers, people
from shopkeeper.shop.customer_list import CustomerFilter
from shopkeeper.shop.importing import replay as replay_held

_MOST_PAGES = 1_000_000
_MOST_HELD = 1_000_000


def _id(visit: Visit, kind: str) -> str:
    """The id in the address or form.

    Raises:
        NotFound: no id looks like that.
    """
    found = visit.sent("id") if visit.form else visit.asked("id")
    if not is_id(found):
        raise NotFound(f"unknown_{kind}", **{kind: found[:100]})
    return found


def _page(visit: Visit) -> int:
    text = visit.asked("page", "1")
    return min(max(int(text), 1), _MOST_PAGES) if text.isdecimal() and len(text) < 10 else 1


# --- the door


def show_login(visit: Visit, *, wrong: bool = False, next_page: str = "") -> Response:
    """The form for the secret key."""
    wanted = next_page or visit.asked("next")
    return visit.page("login.html", status=403 if wrong else 200, wrong=wrong, next_page=wanted)


def login(visit: Visit) -> Response:
    """In, with the secret key.

    Raises:
        NotAllowed: the form came from another site.
    """
    if not same_origin(visit.request):
        raise NotAllowed("form_foreign")
    wanted = visit.sent("next")
    if visit.shop.state.keys.role_of(visit.sent("key").strip()) != "secret":
        return show_login(visit, wrong=True, next_page=wanted)
    return with_session(RedirectResponse(_inside(wanted), 303), visit.request, visit.doors.open())


def _inside(wanted: str) -> str:
    """An address of the console, whatever was asked for."""
    ours = wanted.startswith(f"{PREFIX}/") and wanted.isprintable() and not {"\\", " "} & set(wanted)
    return wanted if ours and "/../" not in wanted else f"{PREFIX}/"


def enter(visit: Visit) -> Response:
    """In, with a one-time link."""
    if not visit.doors.use_link(visit.asked("word")):
        return visit.page("login.html", status=403, wrong=False, next_page="", used=True)
    return with_session(visit.go("/"), visit.request, visit.doors.open())


def logout(visit: Visit) -> Response:
    """Out."""
    visit.doors.close(visit.request)
    return visit.go("/login")


# --- pages


def overview(visit: Visit) -> Response:
    return visit.page("overview.html", **visit.pages.overview())


def customers(visit: Visit) -> Response:
    """A page of the list, by the filters of the address."""
    names = ("segment", "spending", "field", "value", "last", "consent")
    wanted = CustomerFilter(text=visit.asked("q"), **{name: visit.asked(name) for name in names})
    return visit.page("customers.html", **visit.pages.customers(wanted, _page(visit), visit.asked("sort")))


def customer(visit: Visit) -> Response:
    """One customer or visitor; ``as_of`` reads the profile as of a day."""
    return visit.page("customer.html", **visit.pages.customer(_id(visit, "customer"), visit.asked("as_of")))


def customer_events(visit: Visit) -> Response:
    """The events behind a number of a profile."""
    asked = (visit.asked(name) for name in ("field", "value", "as_of"))
    return visit.page("evidence.html", **evidence_values(visit.shop, visit.words, _id(visit, "customer"), *asked))


def products(visit: Visit) -> Response:
    return visit.page("products.html", **visit.pages.products(visit.asked("q"), _page(visit), visit.asked("sort")))


def product(visit: Visit) -> Response:
    return visit.page("product.html", **visit.pages.product(_id(visit, "product")))


def models(visit: Visit) -> Response:
    return visit.page("models.html", **visit.pages.models())


def decisions(visit: Visit) -> Response:
    """The newest decisions; ``?id=`` looks one up."""
    if wanted := visit.asked("id").strip():
        return visit.go("/decision", id=wanted)
    return visit.page("decisions.html", **visit.pages.decisions())


def decision(visit: Visit) -> Response:
    return visit.page("decision.html", **visit.pages.decision(_id(visit, "decision")))


def quarantine(visit: Visit) -> Response:
    return visit.page("quarantine.html", **visit.pages.quarantine(visit.asked("reason"), _page(visit)))


# --- what changes something


def export(visit: Visit) -> Response:
    """Everything kept about a customer, as a file."""
    wanted = _id(visit, "customer")
    found = people.export(visit.shop, wanted)
    body = json.dumps(found, ensure_ascii=False, indent=2, default=str).encode("utf-8", "replace")
    name = quote(f"customer-{wanted}.json", safe="")
    return Response(body, headers={"Content-Disposition": f"attachment; filename*=UTF-8''{name}"},
                    media_type="application/json")  # fmt: skip


def ask_erase(visit: Visit) -> Response:
    """What erasing means, and the button."""
    return visit.page("erase.html", **visit.pages.erase(_id(visit, "customer")))


def erase(visit: Visit) -> Response:
    """Remove a customer everywhere."""
    wanted = _id(visit, "customer")
    gone = people.erase(visit.shop, wanted)
    visit.tell("note_erased", customer=wanted, rows=visit.words.number(sum(gone.values())))
    return visit.go("/customers")


def unlink(visit: Visit) -> Response:
    """Keep a browser apart from every customer."""
    browsers.unlink(visit.shop, visit.sent("visitor"), source="console")
    visit.tell("note_unlinked", visitor=visit.sent("visitor"))
    return visit.go("/customer", id=_id(visit, "customer"))


def relink(visit: Visit) -> Response:
    """Take that back."""
    browsers.relink(visit.shop, visit.sent("visitor"))
    visit.tell("note_relinked", visitor=visit.sent("visitor"))
    return visit.go("/customer", id=_id(visit, "customer"))


def rollback(visit: Visit) -> Response:
    """Let another version answer."""
    wanted = visit.sent("version")
    if wanted not in visit.shop.models.versions():
        raise NotFound("unknown_version", version=wanted[:100], known=", ".join(visit.shop.models.versions()) or "-")
    visit.shop.models.make_current(wanted)
    visit.shop.reload()
    visit.tell("note_version", version=wanted)
    return visit.go("/models")


def replay(visit: Visit) -> Response:
    """Send everything that is held through the cleaning again."""
    accounts = replay_held(visit.shop)
    kept, held = sum(account.kept for account in accounts), sum(account.quarantined for account in accounts)
    visit.tell("note_replayed", kept=visit.words.number(kept), held=visit.words.number(held))
    return visit.go("/quarantine")


def correct(visit: Visit) -> Response:
    """Write something else into all rows of a reason that have one value in one column, and try them again."""
    reason, column = visit.sent("reason"), visit.sent("column")
    changed = visit.shop.quarantine.fix_alike(reason, column, visit.sent("value"), visit.sent("new"))
    accounts = replay_held(visit.shop) if changed else []
    kept = sum(account.kept for account in accounts)
    visit.tell("note_corrected", rows=visit.words.number(len(changed)), kept=visit.words.number(kept))
    return visit.go("/quarantine", reason=reason if visit.shop.quarantine.counts().get(reason) else "")


def discard(visit: Visit) -> Response:
    """Put rows aside for good: those that are ticked, or all of one reason."""
    ids, reason = visit.form.get("row", []), visit.sent("reason")
    if visit.sent("all") and reason:
        ids = [row.id for row in visit.shop.quarantine.list(reason=reason, limit=_MOST_HELD)]
    done = visit.shop.quarantine.mark(ids, "discarded")
    visit.tell("note_discarded", rows=visit.words.number(done))
    return visit.go("/quarantine", reason="" if visit.sent("all") else reason)
