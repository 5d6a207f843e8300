"""The pages of segments, rules and audiences on a *simulated* shop with planted kinds of customers."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from conftest import Browser, entered
from shopkeeper.core.consent import Purpose
from shopkeeper.data.sources.synthetic import SyntheticShop
from shopkeeper.shop import Shop
from shopkeeper.shop.importing import import_files
from shopkeeper.shop.training import train

PLANTED = SyntheticShop(products=40, customers=400, events=30_000, view_share=0.05, segments=4)
MODELS = """
[models.popularity]
use = "recommend.popularity.Popularity"
[train]
personal = "popularity"
context = "popularity"
"""
AGREED = (Purpose.EMAIL, Purpose.PERSONALISE, Purpose.TRAIN)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("planted")
    files = PLANTED.write(folder / "files")
    Shop.create(folder / "shop", name="simulated", currency="USD", timezone="UTC", language="en").close()
    with (folder / "shop" / "shop.toml").open("a") as file:
        file.write(MODELS)
    with Shop.open(folder / "shop", clock=lambda: PLANTED.until) as shop:
        for kind, path in files.items():
            import_files(shop, [path], kind=kind, purposes=AGREED, consent_source="simulated people agree")
        train(shop, judged=False)
        yield shop


@pytest.fixture
def inside(planted: Shop) -> Browser:
    return entered(planted)


@pytest.mark.parametrize(("lang", "words"), [("en", "order often"), ("zh", "常下单")])
def test_the_segments_page_names_what_was_planted(inside: Browser, lang: str, words: str) -> None:
    """Four cards with names in the reader's language, a map of dots, flows, the grid; numbers of people in twenties."""
    text = inside.get(f"/console/segments?lang={lang}").text
    assert len(re.findall(r'class="card group', text)) == 4
    assert words in text
    assert text.count('class="spot') > 300
    for kind in ("chart map", "chart flows", "chart cells", "chart ranges"):
        assert kind in text
    said = [int(number) for number in re.findall(r"(?:about |约 )(\d+)", text)]
    assert said
    assert all(number % 20 == 0 for number in said)


def test_one_segment_shows_what_sets_it_apart_and_leads_to_an_audience(inside: Browser) -> None:
    """The page of a segment has its traits and rules; its button opens the builder with that condition; an unknown
    letter is a page that says which there are."""
    text = inside.get("/console/segment?id=A&lang=en").text
    assert "chart ways" in text
    assert "/console/audiences?field1=segment&amp;value1=A" in text
    assert inside.get("/console/segment?id=Q").status_code == 404
    built = inside.get("/console/audiences?field1=segment&value1=A&lang=en").text
    assert re.search(r"about \d+", built)


def _token(text: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', text)
    assert found is not None
    return found[1]


def test_an_audience_is_built_previewed_saved_and_handed_out(inside: Browser, planted: Shop) -> None:
    """Conditions in the address are counted; what is previewed can be saved, handed out as ids, and removed."""
    page = inside.get(
        "/console/audiences?match=all&field1=did:order&low1=2&days1=180&not2=1&field2=orders&high2=3&lang=en"
    )
    rule = '{"all": [{"did": "order", "times_at_least": 2, "days": 180}, {"not": {"field": "orders", "at_most": 3}}]}'
    assert rule.replace('"', "&#34;") in page.text
    token = _token(page.text)
    saved = {"token": token, "rule": rule, "name": "Often <b>", "for": "email"}
    assert inside.post("/console/audiences/save", data=saved).status_code == 303
    kept = planted.state.audiences.list()[0]
    listed = inside.get("/console/audiences?lang=en").text
    assert "Often &lt;b&gt;" in listed
    answer = inside.post("/console/audiences/export", data={"token": token, "id": kept.id})
    lines = answer.text.split()
    assert lines[0] == "customer"
    assert len(lines) > 20
    assert all(re.fullmatch(r"C\d+", line) for line in lines[1:])
    assert inside.post("/console/audiences/delete", data={"token": token, "id": kept.id}).status_code == 303
    assert planted.state.audiences.list() == []


@pytest.mark.parametrize(
    "query", ["rule={", "field1=orders&low1=abc", "rule=%7B%22told%22%3A%22religion%22%2C%22is%22%3A%22x%22%7D",
              "field1=told%3Aage", "field1=like%3Aa_1&low1=50", "field1=nothing&low1=1&match=any&days1=9", "more=1"],
)  # fmt: skip
def test_what_cannot_be_asked_is_a_sentence_on_the_page(inside: Browser, query: str) -> None:
    """A rule that makes no sense, or asks for something sensitive, shows a sentence, no count, and is no error."""
    answer = inside.get(f"/console/audiences?{query}&lang=en")
    assert answer.status_code == 200
    assert ("wrong" in answer.text) == (query != "more=1")
    assert 'class="big"' not in answer.text


def test_rules_are_filtered_and_a_pair_becomes_a_bundle(inside: Browser, planted: Shop) -> None:
    """The planted pairs are on the page of products; a filter that nothing passes says so; a bundle puts the partner
    first on the product's page, and undoing it takes that back."""
    text = inside.get("/console/rules?level=product&lang=en").text
    assert "chart net" in text
    token = _token(text)
    assert "No rule passes" in inside.get("/console/rules?level=product&lift=999999&lang=en").text
    product, partner = "P000030", "P000005"
    pair = {"token": token, "product": product, "partner": partner}
    assert inside.post("/console/rules/bundle", data=pair).status_code == 303
    assert planted.preview(planted.similar_to(product, 5)).choices[0].item == partner
    assert f'name="partner" value="{partner}"' in inside.get("/console/rules?lang=en").text
    assert inside.post("/console/rules/unbundle", data=pair).status_code == 303
    assert planted.preview(planted.similar_to(product, 5)).choices[0].item != partner
    assert inside.post("/console/rules/bundle", data=pair | {"partner": "nothing"}).status_code == 404
