"""What people read, in English and Simplified Chinese: one sentence a key, kept in ``<language>/<area>*.toml``.

A blank with two words in it is the first for one and the second for more: ``{count} {count:row|rows}``.

The area ``errors`` is ``errors.toml`` and every ``errors_<part>.toml`` beside it; the other areas work the same way.
"""

import tomllib
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.resources import files
from string import Formatter

LANGUAGES = ("en", "zh")


class _Numbered(Formatter):
    """Chooses a word by a number, which may be a text already."""

    def format_field(self, value: object, form: str) -> str:
        """One blank."""
        one, several, more = form.partition("|")
        if several:
            return one if str(value) == "1" else more
        text: str = super().format_field(value, form)
        return text


_FORMATTER = _Numbered()


@lru_cache(1_000)
def language_of(text: str) -> str:
    """The language we speak that is nearest to a tag: ``zh-CN`` is ``zh``; one we do not speak is ``en``."""
    first = text.replace("_", "-").partition("-")[0].strip().lower()
    return first if first in LANGUAGES else "en"


def say(lang: str, area: str, key: str, /, **facts: object) -> str:
    """A sentence with its blanks filled.

    Raises:
        KeyError: no such key, or a fact that the sentence needs is missing.
    """
    return filled(_phrases(language_of(lang), area)[key], facts)


def filled(phrase: str, facts: Mapping[str, object]) -> str:
    """A phrase with its blanks filled.

    Raises:
        KeyError: a fact that it needs is missing.
    """
    return _FORMATTER.vformat(phrase, (), facts)


def keys(lang: str, area: str) -> frozenset[str]:
    """The keys of an area."""
    return frozenset(_phrases(language_of(lang), area))


def areas(lang: str) -> frozenset[str]:
    """The areas that have at least one file: errors, reasons, console, cli, checks, …"""
    return frozenset(name.removesuffix(".toml").partition("_")[0] for name in _names(language_of(lang)))


def phrases(lang: str, area: str) -> Mapping[str, str]:
    """An area as it is written, blanks unfilled."""
    return dict(_phrases(language_of(lang), area))


def _names(lang: str) -> list[str]:
    return sorted(entry.name for entry in files(__name__).joinpath(lang).iterdir() if entry.name.endswith(".toml"))


@cache
def _phrases(lang: str, area: str) -> Mapping[str, str]:
    merged: dict[str, str] = {}
    for name in _names(lang):
        if name.removesuffix(".toml").partition("_")[0] == area:
            _merge(merged, tomllib.loads(files(__name__).joinpath(lang, name).read_text("utf-8")), f"{lang}/{name}")
    if not merged:
        raise KeyError(f"{lang}/{area}.toml")
    return merged


def _merge(into: dict[str, str], fragment: Mapping[str, object], where: str) -> None:
    for key, phrase in fragment.items():
        if key in into:
            raise ValueError(f"{where}: {key} is already defined in another file of its area")
        if not isinstance(phrase, str):
            raise TypeError(f"{where}: {key} is not a text")
        into[key] = phrase
