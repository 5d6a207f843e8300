# ruff: noqa: E501  # statements and tables are easier to read in long lines
"""Who leaves Gorse, Metarank or Amazon Personalize brings everything along."""

import json
from pathlib import Path
from typing import Any

import pytest
from taking import by_kind, importing, rows, write


def jsonl(*found: dict[str, Any]) -> str:
    return "".join(json.dumps(one) + "\n" for one in found)


T = "2026-11-01T10:00:00Z"


def test_gorse(tmp_path: Path) -> None:
    """Feedback by its words, purchases as orders, items and users with their labels; an unknown word is held."""
    feedback = jsonl(
        {"FeedbackType": "read", "UserId": "u1", "ItemId": "i1", "Timestamp": T, "Comment": ""},
        {"FeedbackType": "star", "UserId": "u1", "ItemId": "i2", "Timestamp": "2026-11-01 10:00:00 +0000 UTC"},
        {"FeedbackType": "rating", "UserId": "u1", "ItemId": "i2", "Timestamp": T, "Value": 4.5},
        {"FeedbackType": "purchase", "UserId": "u1", "ItemId": "i1", "Timestamp": T},
        {"FeedbackType": "purchase", "UserId": "u1", "ItemId": "i2", "Timestamp": T},
        {"FeedbackType": "sneeze", "UserId": "u1", "ItemId": "i2", "Timestamp": T},
    )
    items = jsonl({"ItemId": "i1", "IsHidden": False, "Categories": ["Home", "Mugs"], "Timestamp": T, "Labels": {"title": "Mug"},
                   "Comment": "a mug"}, {"ItemId": "i2", "IsHidden": True, "Categories": [], "Labels": ["a"], "Timestamp": T})  # fmt: skip
    with importing(tmp_path) as importer:
        accounts = by_kind(importer.take(write(tmp_path, "feedback.jsonl", feedback)))
        assert (accounts["events"].kept, dict(accounts["events"].by_reason)) == (3, {"unknown_action": 1})
        assert (accounts["order_lines"].kept, accounts["order_lines"].orders) == (2, 1)
        assert rows(importer, "SELECT action, product, rating FROM events WHERE action <> 'order' ORDER BY action") == [
            ("product_view", "i1", None), ("rating", "i2", 4.5), ("wishlist_add", "i2", None),
        ]  # fmt: skip
        importer.take(write(tmp_path, "items.jsonl", items))
        importer.take(write(tmp_path, "users.jsonl", jsonl({"UserId": "u1", "Labels": {"city": "Xi'an"}})))
        assert rows(importer, "SELECT id, name, category_1, category_2, active FROM products ORDER BY id") == [
            ("i1", "Mug", "Home", "Mugs", True), ("i2", "i2", None, None, False),
        ]  # fmt: skip
        assert rows(importer, "SELECT id, attributes FROM customers") == [("u1", '{"city":"Xi\'an"}')]


def test_metarank(tmp_path: Path) -> None:
    """One file holds items, users, rankings and interactions; a ranking is an impression of each of its items."""
    ms = "1793527200000"
    data = jsonl(
        {"event": "item", "id": "e0", "timestamp": ms, "item": "p1", "fields": [
            {"name": "title", "value": "Mug"}, {"name": "price", "value": 12.5}, {"name": "title", "value": "again"}]},
        {"event": "user", "id": "e1", "timestamp": ms, "user": "u1", "fields": [{"name": "age", "value": 33}]},
        {"event": "ranking", "id": "r1", "timestamp": ms, "user": "u1", "session": "s1", "fields": [],
         "items": [{"id": "p1"}, {"id": "p2", "fields": []}]},
        {"event": "interaction", "id": "e3", "ranking": "r1", "timestamp": ms, "user": "u1", "session": "s1", "type": "click",
         "item": "p1"},
        {"event": "interaction", "id": "e4", "ranking": "r1", "timestamp": ms, "user": None, "session": "s2",
         "type": "purchase", "item": "p1"},
        {"event": "dream", "id": "e5", "timestamp": ms, "user": "u1"},
    )  # fmt: skip
    with importing(tmp_path) as importer:
        accounts = by_kind(importer.take(write(tmp_path, "events.jsonl", data)))
        assert {kind: one.kept for kind, one in accounts.items()} == {
            "products": 1, "customers": 1, "order_lines": 1, "events": 3,
        }  # fmt: skip
        assert dict(accounts["events"].by_reason) == {"unknown_action": 1}
        assert rows(importer, "SELECT id, action, product, decision, position FROM events ORDER BY id") == [
            ("e3", "click", "p1", "r1", None), ("order:metarank:s2:1793527200000", "order", None, "r1", None),
            ("r1:1", "impression", "p1", "r1", 1), ("r1:2", "impression", "p2", "r1", 2),
        ]  # fmt: skip
        assert rows(importer, "SELECT name, price_minor FROM products") == [("Mug", 1250)]
        assert rows(importer, "SELECT visitor, customer FROM order_lines") == [("s2", None)]


def test_personalize(tmp_path: Path) -> None:
    """Interactions, items and users; a plain log with small letters is not taken for one."""
    interactions = (
        "USER_ID,ITEM_ID,EVENT_TYPE,EVENT_VALUE,TIMESTAMP,IMPRESSION,RECOMMENDATION_ID\n"
        "u1,i1,View,,1793527200,i1|i2,r1\nu1,i1,Purchase,9.5,1793527260,,\nu1,i2,AddToCart,,1793527230,,\nu1,i2,Hum,,1793527230,,\n"
    )
    with importing(tmp_path) as importer:
        accounts = by_kind(importer.take(write(tmp_path, "interactions.csv", interactions)))
        assert (accounts["order_lines"].kept, accounts["events"].kept) == (1, 2)
        assert dict(accounts["events"].by_reason) == {"unknown_action": 1}
        assert rows(importer, "SELECT decision, properties FROM events WHERE action = 'product_view'") == [
            ("r1", '{"impression":"i1|i2"}')
        ]
        importer.take(
            write(tmp_path, "items.csv", "ITEM_ID,PRICE,CATEGORY_L1,CREATION_TIMESTAMP\ni1,9.5,Home,1793527200\n")
        )
        importer.take(write(tmp_path, "users.csv", "USER_ID,AGE,GENDER\nu1,33,\n"))
        assert rows(importer, "SELECT id, price_minor, category_1 FROM products") == [("i1", 950, "Home")]
        assert rows(importer, "SELECT id, attributes FROM customers") == [("u1", '{"AGE":"33","GENDER":null}')]
        (plain,) = importer.take(
            write(tmp_path, "log.csv", "user_id,item_id,event_type,timestamp\nu1,i1,click,1793527200\n")
        )
        assert (plain.format, plain.kind, plain.kept) == ("", "events", 1)


@pytest.mark.parametrize("line", ['{"FeedbackType":{},"UserId":[],"ItemId":1}', '{"event":"item","id":1,"timestamp":[],"fields":7}',
                                  '{"ItemId":"a","Categories":"x","Labels":5,"IsHidden":"?"}'])  # fmt: skip
def test_odd_values_break_nothing(tmp_path: Path, line: str) -> None:
    """Values of the wrong shape are kept as text or held; the file goes on."""
    with importing(tmp_path) as importer:
        accounts = by_kind(importer.take(write(tmp_path, "f.jsonl", line + "\n")))
        assert sum(one.read for one in accounts.values()) >= 1
