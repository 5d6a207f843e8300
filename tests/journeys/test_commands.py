"""The command line from an empty folder to an answer, and what it says when something is wrong."""

import json
import socket
from pathlib import Path

import pytest
from running import new_shop, serving, shopkeeper

from shopkeeper.settings import FILE

ORDERS = "order,at,customer,product,quantity,price\n"


def _orders(days: int = 120, people: int = 30) -> str:
    """Order lines of people with two habits each, one order every five days."""
    rows = [
        f"o{who}-{day},2026-{1 + day // 28:02d}-{1 + day % 28:02d}T10:00:00Z,c{who},p{(who + place) % 12},1,9.50"
        for who in range(people)
        for day in range(who % 5, days, 5)
        for place in (0, 3)
    ]
    return ORDERS + "\n".join(rows) + "\n"


def test_from_nothing_to_an_answer(tmp_path: Path) -> None:
    """init, import (GBK and a map), quarantine, fix, replay, train, evaluate, recommend, models, doctor, export, erase:
    each says what it did, and the counts add up."""
    shop = tmp_path / "shop"
    new_shop(shop)
    (tmp_path / "goods.csv").write_text(
        "编号,名称,类目\n" + "".join(f"p{n},商品{n},茶\n" for n in range(12)), "gb18030"
    )
    (tmp_path / "map.toml").write_text('id = "编号"\nname = "名称"\ncategory_1 = "类目"\n', "utf-8")
    (tmp_path / "orders.csv").write_text(_orders() + "bad,2026-01-05T10:00:00Z,c1,p1,1,N/A\n", "utf-8")
    at = ("--shop", shop)
    goods = shopkeeper(
        "import", tmp_path / "goods.csv", *at, "--kind", "products", "--map", tmp_path / "map.toml", "--json"
    )
    assert json.loads(goods.stdout)[0]["kept"] == 12, goods.stderr
    agreed = ("--consent", "personalise,train", "--consent-source", "test")
    first = shopkeeper("import", tmp_path / "orders.csv", *at, "--kind", "order_lines", *agreed, "--json")
    account = json.loads(first.stdout)[0]
    assert account["read"] == account["kept"] + account["duplicate"] + account["quarantined"]
    assert account["quarantined"] == 1
    again = json.loads(
        shopkeeper("import", tmp_path / "orders.csv", *at, "--kind", "order_lines", *agreed, "--json").stdout
    )[0]
    assert (again["kept"], again["duplicate"]) == (0, account["kept"])
    assert (
        set(again)
        == set(account)
        == {
            "import_id",
            "file",
            "kind",
            "read",
            "kept",
            "duplicate",
            "quarantined",
            "orders",
            "by_reason",
            "warnings",
            "seconds",
            "format",
            "replayed",
        }
    ), "nobody is named"
    held = json.loads(shopkeeper("import", "--quarantine", *at, "--json").stdout)
    assert (held[0]["line"], held[0]["column"], held[0]["reason"]) == (account["read"] + 1, "price", "not_an_amount")
    assert shopkeeper("import", "--fix", held[0]["id"], "--set", "price=3.00", *at).returncode == 0
    assert json.loads(shopkeeper("import", "--replay", *at, "--json").stdout)[0]["kept"] == 1
    assert json.loads(shopkeeper("import", "--replay", *at, "--json").stdout) == []
    trained = shopkeeper("train", *at)
    assert trained.returncode == 0, trained.stderr
    assert "NDCG@10" in trained.stdout
    report = json.loads(shopkeeper("evaluate", *at, "--json").stdout)
    assert {row["name"] for row in report["rows"]} >= {"popularity", "hybrid"}
    rows = json.loads(shopkeeper("recommend", "c1", *at, "--json", language="zh").stdout)
    assert rows[0]["name"].startswith("商品")
    assert "您" in rows[0]["reason"]
    stranger = json.loads(shopkeeper("recommend", "nobody", *at, "--json", "--lang", "en").stdout)
    assert "opular" in stranger[0]["reason"]
    versions = json.loads(shopkeeper("models", *at, "--json").stdout)
    assert [row["current"] for row in versions] == ["*"]
    assert shopkeeper("models", "--rollback", versions[0]["version"], *at).returncode == 0
    assert shopkeeper("doctor", *at).returncode == 0
    exported = json.loads(shopkeeper("export", "c1", *at).stdout)
    assert (
        len(exported["order_lines"]) == len({(line["order_id"], line["line"]) for line in exported["order_lines"]}) > 10
    )
    erased = json.loads(shopkeeper("erase", "c1", "--yes", *at, "--json").stdout)
    assert erased["removed"]["order_lines"] == len(exported["order_lines"])


@pytest.mark.parametrize(
    ("name", "text", "kind", "words"),
    [
        ("none.csv", None, "order_lines", "none.csv"),
        ("empty.csv", "", "order_lines", "empty.csv"),
        ("columns.csv", "a,b\n1,2\n", "order_lines", "order"),
        ("quote.csv", ORDERS + 'o1,2026-01-01,"c1,p1,1,1\n', "order_lines", "2"),
        ("twice.csv", "id,id,name\n1,2,x\n", "products", "id"),
        ("page.csv", "<!DOCTYPE html><html></html>", "products", "HTML"),
        ("kind.csv", "id,name\n1,x\n", "nonsense", "order_lines"),
    ],
)
def test_a_bad_file_is_one_sentence(tmp_path: Path, name: str, text: str | None, kind: str, words: str) -> None:
    """A file that cannot be read as a whole: exit code 2, one sentence that names what is wrong, nothing imported."""
    new_shop(tmp_path / "shop")
    if text is not None:
        (tmp_path / name).write_text(text, "utf-8")
    done = shopkeeper("import", tmp_path / name, "--shop", tmp_path / "shop", "--kind", kind)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_bad_rows_are_held_and_the_others_kept(tmp_path: Path) -> None:
    """Wrong dates, NaN prices and placeholder people are held with their reason; an unknown product is kept."""
    new_shop(tmp_path / "shop")
    rows = ("o1,31/31/2026,c1,p1,1,5", "o2,2026-01-01T00:00:00Z,c1,p1,1,NaN", "o3,2026-01-01T00:00:00Z,guest,p1,1,5",
            "o4,2026-01-01T00:00:00Z,c1,never-seen,1,5")  # fmt: skip
    (tmp_path / "o.csv").write_text(ORDERS + "\n".join(rows) + "\n", "utf-8")
    done = shopkeeper("import", tmp_path / "o.csv", "--shop", tmp_path / "shop", "--kind", "order_lines", "--json")
    account = json.loads(done.stdout)[0]
    assert (account["kept"], account["quarantined"]) == (1, 3)
    assert set(account["by_reason"]) == {"not_a_time", "not_an_amount", "placeholder_identity"}


def check_refused(*words: object, says: str, language: str = "en", code: int = 2) -> None:
    done = shopkeeper(*words, language=language)
    assert done.returncode == code, done.stdout + done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_wrong_with_a_shop_is_one_sentence(tmp_path: Path) -> None:
    """No shop, a shop twice, an old or a newer one, broken settings, an unknown algorithm,
    nobody who agreed to training: each is said in a sentence, in both languages, with exit code 2."""
    shop = tmp_path / "shop"
    check_refused("train", "--shop", shop, says="shopkeeper init")
    check_refused("train", "--shop", shop, says="请用", language="zh")
    new_shop(shop)
    check_refused("init", shop, says=str(shop))
    check_refused("train", "--shop", shop, says="consent")
    check_refused("models", "--rollback", "v1", "--shop", shop, says="v1")
    check_refused("export", "ghost", "--shop", shop, says="ghost")
    plain = (shop / FILE).read_text("utf-8")
    for text, says in (
        (plain.replace("format = 1", "format = 0"), str(shop)), (plain.replace("format = 1", "format = 9"), str(shop)),
        ("[shop", FILE), (plain + "[shopp]\n", "shopp"),
        (plain + '[models.x]\nuse = "recommend.magic.Magic"\n', "Magic"),
    ):  # fmt: skip
        (shop / FILE).write_text(text, "utf-8")
        check_refused("evaluate", "--shop", shop, says=says)


def test_one_writer_and_one_port(tmp_path: Path) -> None:
    """A second writer on the folder (who may try again later: 75) and a second server on the port are refused in a
    sentence; readers are not."""
    key = new_shop(tmp_path / "shop")
    new_shop(tmp_path / "other")
    with serving(tmp_path / "shop", key) as server:
        check_refused(
            "import", "x.csv", "--kind", "products", "--shop", tmp_path / "shop", says=str(server.process.pid), code=75
        )
        check_refused("serve", "--shop", tmp_path / "other", "--port", server.port, says=str(server.port))
        assert shopkeeper("models", "--shop", tmp_path / "shop").returncode == 0
        answer = server.client.get("/v1/customers/ghost")
        assert (answer.status_code, answer.json()["error"]["key"]) == (404, "unknown_customer")
        shown = server.recommendations(placement="home", customer="ghost")
        assert shown["items"] == []
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that were closed may linger
        probe.bind(("127.0.0.1", server.port))


def test_every_command_explains_itself() -> None:
    """--help works for every command and for each benchmark."""
    for words in (
        ["init"], ["import"], ["train"], ["recommend"], ["serve"], ["demo"], ["evaluate"], ["export"], ["erase"],
        ["doctor"], ["models"], ["keys"], ["benchmark", "next-item"], ["benchmark", "next-basket"],
        ["benchmark", "rules"], ["benchmark", "speed"],
    ):  # fmt: skip
        done = shopkeeper(*words, "--help")
        assert done.returncode == 0, words
        assert words[-1] in done.stdout
