"""The next item."""

from pathlib import Path

import numpy as np
import pytest

from shopkeeper.learn.benchmarks.next_item import NextItem, NextItemResult, next_item

BEAUTY = Path(__file__).parents[4] / "shared/data/amazon_sequences/Beauty.txt"
QUICK = NextItem(count=3, budget_seconds=0)


def walks(people: int = 60, items: int = 12) -> dict[str, list[str]]:
    """People who walk round a ring of items, one step after the other."""
    rng = np.random.default_rng(5)
    starts, lengths = rng.integers(0, items, people), rng.integers(3, 6, people)
    return {
        f"u{n}": [f"i{(start + step) % items}" for step in range(length)]
        for n, (start, length) in enumerate(zip(starts, lengths, strict=True))
    }


def test_finds_what_follows() -> None:
    """Planted truth: on a ring the next item is the next step, for everybody."""
    people = walks()
    found = next_item(people, QUICK)
    for user, best in zip(found.users, found.lists, strict=True):
        assert best[0] == f"i{(int(people[user][-1][1:]) + 1) % 12}"
    assert found.validation["hit_rate@10"].value == 1


def test_nobody_is_told_what_they_have() -> None:
    """Law: lists are distinct, unseen items; as many as asked for, or all unseen ones."""
    people = walks() | {"single": ["i0"], "everything": [f"i{n}" for n in range(12)]}
    found = next_item(people, NextItem(count=9, budget_seconds=0))
    for user, best in zip(found.users, found.lists, strict=True):
        assert not set(best) & set(people[user])
        assert len(best) == len(set(best)) == min(9, 12 - len(set(people[user])))


def test_names_do_not_matter() -> None:
    """Law: renaming items renames the answer's leaders; no id order decides anything."""
    people = walks()
    turned = {user: [f"z{11 - int(item[1:])}" for item in items] for user, items in people.items()}
    before, after = next_item(people, QUICK), next_item(turned, QUICK)
    assert [f"z{11 - int(best[0][1:])}" for best in before.lists] == [best[0] for best in after.lists]


def test_same_seed_same_answer() -> None:
    """Law: equal input, settings and seed give equal lists."""
    assert next_item(walks(), QUICK).lists == next_item(walks(), QUICK).lists


def test_the_last_item_is_input_only_unless_refit() -> None:
    """Law: a step seen only as the last one is not learnt, and with ``refit`` it is."""
    people = {f"u{n}": ["a", "b", "c"] for n in range(5)} | {f"v{n}": ["d", "e"] for n in range(5)} | {"asks": ["d"]}
    plain = dict(zip((found := next_item(people, QUICK)).users, found.lists, strict=True))
    refit = next_item(people, NextItem(count=3, budget_seconds=0, refit=True))
    again = dict(zip(refit.users, refit.lists, strict=True))
    assert plain["asks"][0] != "e"
    assert again["asks"][0] == "e"


def test_people_with_one_item_only() -> None:
    """Law: where nothing can be validated there is an answer nevertheless."""
    found = next_item({"a": ["x"], "b": ["y"], "c": ["y"]}, QUICK)
    assert found.tried == 0
    assert found.lists[0] == ["y"]
    assert np.isnan(found.validation["ndcg@10"].value)


def test_attributes_speak_for_items_nobody_followed() -> None:
    """Planted truth: an item that shares a rare attribute with the newest one comes before the others."""
    people = {f"u{n}": [f"i{n}", f"j{n}", f"k{n}"] for n in range(8)}
    attributes = {f"{kind}{n}": [f"a{n % 4}"] for n in range(8) for kind in "ijk"} | {"unknown": ["a1"]}
    found = next_item(people, QUICK, attributes)
    for number, best in enumerate(found.lists):
        assert int(best[0][1:]) % 4 == number % 4


def on_last_items(people: dict[str, list[str]], found: NextItemResult) -> tuple[float, float]:
    place = [
        best.index(people[user][-1]) if people[user][-1] in best[:10] else None
        for user, best in zip(found.users, found.lists, strict=True)
    ]
    gains = [0.0 if at is None else 1 / np.log2(at + 2) for at in place]
    return float(np.mean([at is not None for at in place])), float(np.mean(gains))


@pytest.mark.skipif(not BEAUTY.exists(), reason="the Amazon Beauty sequences are not beside the checkout")
def test_quality_floor_on_beauty() -> None:
    """Quality floor: without any choosing, HR@10 >= 0.080 and NDCG@10 >= 0.051 on the removed last items."""
    lines = [line.split() for line in BEAUTY.read_text().splitlines()]
    people = {user: items for user, *items in lines}
    found = next_item({user: items[:-1] for user, items in people.items()}, NextItem(count=10, budget_seconds=0))
    hit, gain = on_last_items(people, found)
    assert hit >= 0.080
    assert gain >= 0.051
