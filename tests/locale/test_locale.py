"""Both languages say the same things, and every error the source raises has a sentence."""

import ast
import re
import string
from pathlib import Path

import pytest

from shopkeeper import locale
from shopkeeper.settings import DEFAULT_MODELS

SOURCE = Path(locale.__file__).parents[1]
ERRORS = dict.fromkeys(
    ["ShopkeeperError", "SettingsError", "DataError", "NotFound", "NotAllowed", "Unavailable"], 0
) | {"Refused": 1}
"""Constructors of errors, and which argument is the key."""
NOT_FACTS = {"retry_after_seconds"}
SAME_IN_BOTH = frozenset("API CSV HR HTML ID JSON MAP MRR NDCG PDF SKU SQL URL".split())
"""Words that Chinese readers write in Latin letters too."""
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def blanks(phrase: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(phrase) if name is not None}


def raised_errors() -> list[tuple[str, str, set[str], bool]]:
    """(where, key, fact names, whether facts are spread with **) of each error made with a literal key."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            key = next((getattr(word, "value", None) for word in node.args[ERRORS.get(name, 99) :]), None)
            if isinstance(key, str):
                facts = {word.arg for word in node.keywords if word.arg} - NOT_FACTS
                spread = any(word.arg is None for word in node.keywords)
                found.append((f"{path.relative_to(SOURCE)}:{node.lineno}", key, facts, spread))
    return found


AREAS = sorted(locale.areas("en") | locale.areas("zh"))


@pytest.mark.parametrize("area", AREAS)
def test_both_languages_have_the_same_keys(area: str) -> None:
    """A key of one language exists in the other."""
    assert locale.keys("en", area) == locale.keys("zh", area)


@pytest.mark.parametrize("area", AREAS)
def test_both_languages_have_the_same_blanks(area: str) -> None:
    """A sentence needs the same facts in both languages, each a bare name."""
    english, chinese = locale.phrases("en", area), locale.phrases("zh", area)
    for key in sorted(english.keys() & chinese.keys()):
        assert blanks(english[key]) == blanks(chinese[key]), key
        assert all(name.isidentifier() for name in blanks(english[key])), key


@pytest.mark.parametrize("area", AREAS)
def test_chinese_is_chinese_and_english_is_not(area: str) -> None:
    """Each Chinese text has Chinese characters, and no English text has any except a language's own name."""
    for key, phrase in locale.phrases("zh", area).items():
        words = set(re.findall(r"[A-Za-z]+", re.sub(r"\{[^}]*\}", "", phrase)))
        bare = words <= SAME_IN_BOTH or key.startswith("language_")
        assert bare or CHINESE.search(phrase), f"{area}.{key}: {phrase}"
    for key, phrase in locale.phrases("en", area).items():
        own_name = key.startswith("language_") or "掌柜" in phrase
        assert own_name or not CHINESE.search(phrase), f"{area}.{key}: {phrase}"


def test_every_error_in_the_source_has_a_sentence() -> None:
    """The first argument of each error constructor is a key of the area ``errors``."""
    known = locale.keys("en", "errors")
    assert [(where, key) for where, key, _, _ in raised_errors() if key not in known] == []


def test_every_error_brings_the_facts_its_sentence_needs() -> None:
    """Where facts are written out at the call, they fill every blank of the sentence."""
    phrases = locale.phrases("en", "errors")
    lacking = [
        (where, key, blanks(phrases[key]) - facts)
        for where, key, facts, spread in raised_errors()
        if key in phrases and not spread and blanks(phrases[key]) - facts
    ]
    assert lacking == []


def test_an_error_is_one_sentence_that_ends() -> None:
    """Error sentences end as sentences do in their language, so that they can stand alone on a screen."""
    for lang, ends in (("en", (".", "`.", ".)")), ("zh", ("。", "。）"))):
        for key, phrase in locale.phrases(lang, "errors").items():
            assert phrase.endswith(ends), f"{lang}.{key}"
            assert "\n" not in phrase, f"{lang}.{key}"


def test_facts_fill_the_blanks() -> None:
    """``say`` puts each fact in its place, in the language asked for."""
    assert "8080" in locale.say("en", "errors", "port_in_use", port=8080)
    assert CHINESE.search(locale.say("zh-CN", "errors", "port_in_use", port=8080))


@pytest.mark.parametrize(
    ("tag", "spoken"), [("zh", "zh"), ("zh-CN", "zh"), ("ZH_hans", "zh"), ("en-GB", "en"), ("fr", "en"), ("", "en")]
)
def test_an_unknown_language_is_english(tag: str, spoken: str) -> None:
    """A language tag is read by its first part; what we do not speak is answered in English."""
    assert locale.language_of(tag) == spoken


def test_what_is_missing_is_an_error() -> None:
    """A missing key, area or fact is a KeyError, never a silent gap."""
    with pytest.raises(KeyError):
        locale.say("en", "errors", "no_such_key")
    with pytest.raises(KeyError):
        locale.say("en", "no-such-area", "port_in_use", port=1)
    with pytest.raises(KeyError):
        locale.say("en", "errors", "port_in_use")


def test_a_key_may_be_defined_only_once() -> None:
    """Two fragments of an area that define one key are refused, and so is anything but text."""
    with pytest.raises(ValueError, match="already defined"):
        locale._merge({"a": "x"}, {"a": "y"}, "en/errors_two.toml")
    with pytest.raises(TypeError, match="not a text"):
        locale._merge({}, {"table": {"a": "y"}}, "en/errors.toml")


SEVERAL = re.compile(r"\{(\w+)\} (?:rows|lines|files|cells|people|days|orders|products|customers|events)\b")
NEVER_ONE = {"k", "limit", "where"}
"""Blanks that are bounds, and words that stand before such a noun by chance."""


@pytest.mark.parametrize("area", AREAS)
def test_english_counts_know_one_from_several(area: str) -> None:
    """No sentence can say "1 rows": after a number the noun is chosen by it."""
    phrases = locale.phrases("en", area)
    assert [key for key, phrase in phrases.items() if set(SEVERAL.findall(phrase)) - NEVER_ONE] == []


def test_a_blank_with_two_words_chooses_by_the_number() -> None:
    """One is one, as a number and as a text; Chinese needs no choice."""
    one, many = (locale.filled("{n} {n:row is|rows are} {x}", {"n": n, "x": "here"}) for n in ("1", 1_000))
    assert (one, many) == ("1 row is here", "1000 rows are here")
    assert locale.say("en", "console", "overview_held", count=1) == "1 row waits in quarantine"
    assert locale.say("zh", "console", "overview_held", count=1).count("1") == 1


@pytest.mark.parametrize("language", locale.LANGUAGES)
def test_every_model_of_a_new_shop_has_a_name(language: str) -> None:
    """The console calls no model by its key."""
    assert {f"model_{name}" for name in DEFAULT_MODELS} <= locale.phrases(language, "console").keys()
