"""Numbers, money, dates and names as the reader's language writes them."""

from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from shopkeeper.apps.console.charts import short
from shopkeeper.core.money import exponent
from shopkeeper.locale import say

_SIGNS: Final = {"USD": "$", "CNY": "¥", "EUR": "€", "GBP": "£", "JPY": "¥"}
_MONTHS: Final = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
NOTHING: Final = "–"


class Words:
    """One reader's language over one shop's currency and clock."""

    def __init__(self, language: str, *, currency: str, timezone: str) -> None:
        self.language, self.currency = language, currency
        self.scale = 10 ** exponent(currency)
        self._zone = ZoneInfo(timezone)

    def __call__(self, key: str, **facts: object) -> str:
        """A sentence of the area ``console``."""
        return say(self.language, "console", key, **facts)

    def of(self, area: str, key: str, **facts: object) -> str | None:
        """A sentence of any area, or None where it has no such key."""
        try:
            return say(self.language, area, key, **facts)
        except (KeyError, IndexError):
            return None

    def named(self, kind: str, word: str) -> str:
        """A word of a closed list (``model``, ``action``, …) in the reader's language; as it is if unknown."""
        return self.of("console", f"{kind}_{word}") or word.replace("_", " ")

    def number(self, value: float | None, places: int = 2) -> str:
        """1,234 or 56.7: at most ``places`` decimals, none from 1,000 on, none that say nothing."""
        if value is None or value != value:
            return NOTHING
        whole = float(value).is_integer() or abs(value) >= 1000
        text = f"{value:,.{0 if whole else places}f}"
        return _minus(text.rstrip("0").rstrip(".") if "." in text else text)

    def fixed(self, value: float | None, places: int) -> str:
        """A number with exactly so many decimals, for columns that are compared."""
        return NOTHING if value is None or value != value else _minus(f"{value:,.{places}f}")

    def money(self, minor: float | None) -> str:
        """An amount in minor units of the shop's currency; whole units from 1,000 on."""
        return NOTHING if minor is None else self.major(minor / self.scale)

    def major(self, value: float) -> str:
        """An amount in major units."""
        digits = 0 if abs(value) >= 1000 or self.scale == 1 else exponent(self.currency)
        amount, sign = f"{abs(value):,.{digits}f}", "−" if value < 0 else ""
        known = _SIGNS.get(self.currency)
        return f"{sign}{known}{amount}" if known else f"{sign}{amount} {self.currency}"

    def price(self, minor: int | None, currency: str | None) -> str:
        """A list price to the cent, in whatever currency it is."""
        if minor is None:
            return NOTHING
        code = currency or self.currency
        amount = f"{minor / 10 ** exponent(code):,.{exponent(code)}f}"
        return f"{_SIGNS[code]}{amount}" if code == self.currency and code in _SIGNS else f"{amount} {code}"

    def axis(self, value: float) -> str:
        """A number beside a chart: 35, 1.2k; in Chinese 1.2万."""
        if self.language != "zh":
            return short(value)
        for size, sign in ((1e8, "亿"), (1e4, "万")):
            if abs(value) >= size:
                return f"{value / size:.4g}{sign}"
        return f"{value:.4g}"

    def share(self, value: float | None) -> str:
        """A share in percent: 5.8%, and 0.01% where one decimal would show nothing."""
        if value is None or value != value:
            return NOTHING
        return f"{value:.2%}" if 0 < value < 0.001 else f"{value:.1%}"

    def change(self, value: float | None) -> str:
        """A change with its sign: +3.2%, −1.0%."""
        return NOTHING if value is None else _minus(f"{value:+.1%}")

    def gain(self, value: float | None) -> str:
        return NOTHING if value is None else _minus(f"{value:+.4f}")

    def day(self, when: date | datetime | str | None) -> str:
        """3 Nov 2026; 2026年11月3日. A moment is shown in the shop's own zone."""
        at = self._local(when)
        if at is None:
            return NOTHING
        if self.language == "zh":
            return f"{at.year}年{at.month}月{at.day}日"
        return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"

    def brief(self, when: date) -> str:
        """A day on an axis: 3 Nov; 11/3."""
        return f"{when.month}/{when.day}" if self.language == "zh" else f"{when.day} {_MONTHS[when.month - 1]}"

    def moment(self, when: datetime | str | None) -> str:
        """A day with its time."""
        at = self._local(when)
        return f"{self.day(at)} {at:%H:%M}" if isinstance(at, datetime) else self.day(at)

    def _local(self, when: date | datetime | str | None) -> date | datetime | None:
        if isinstance(when, str):
            try:
                when = datetime.fromisoformat(when)
            except ValueError:
                return None
        return when.astimezone(self._zone) if isinstance(when, datetime) and when.tzinfo else when

    def plain(self, value: Any) -> str:
        """Any value of a row."""
        if isinstance(value, bool):
            return self("yes") if value else self("no")
        if isinstance(value, int | float):
            return self.number(value)
        if isinstance(value, datetime | date):
            return self.day(value)
        return NOTHING if value in (None, "") else str(value)


def _minus(text: str) -> str:
    return text.replace("-", "−")
