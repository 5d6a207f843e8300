"""Money: an integer count of a currency's minor unit, never a float."""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

# Source: ISO 4217, currencies whose minor unit is not 1/100; every other alphabetic code has exponent 2.
EXPONENTS = dict.fromkeys(
    "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0
) | dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3)
_MAX_MINOR = 10**15


def exponent(currency: str) -> int:
    """Decimal places of a currency's minor unit (2 for CNY, 0 for JPY, 3 for KWD).

    Raises:
        ValueError: not three capital letters.
    """
    if len(currency) != 3 or not currency.isascii() or not currency.isalpha() or not currency.isupper():
        raise ValueError(f"{currency!r} is not an ISO 4217 code")
    return EXPONENTS.get(currency, 2)


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount in minor units (cents, 分) of one currency. Sums and differences need equal currencies."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        exponent(self.currency)
        if abs(self.minor) > _MAX_MINOR:
            raise ValueError(f"more than {_MAX_MINOR} minor units is beyond any price")

    @classmethod
    def parse(cls, text: str | int | float | Decimal, currency: str) -> "Money":
        """Read a decimal amount in major units: ``parse("12.50", "USD").minor == 1250``.

        A float is read by its shortest decimal form, so 0.1 is ten cents.

        Raises:
            ValueError: not a finite decimal, or more places than the currency has.
        """
        try:
            value = Decimal(str(text).strip())
        except InvalidOperation:
            raise ValueError(f"{text!r} is not a number") from None
        if not value.is_finite():
            raise ValueError(f"{text!r} is not a finite number")
        if value.adjusted() > len(str(_MAX_MINOR)):
            raise ValueError("beyond any price: the number is too long")
        scaled = value.scaleb(exponent(currency))
        rounded = scaled.to_integral_value(rounding=ROUND_HALF_EVEN)
        if rounded != scaled:
            raise ValueError(f"{text!r} has more decimal places than {currency}")
        return cls(int(rounded), currency)

    def __add__(self, other: "Money") -> "Money":
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.minor - self._same(other), self.currency)

    def _same(self, other: "Money") -> int:
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not add")
        return other.minor

    def times(self, factor: float | Decimal) -> "Money":
        """Scaled and rounded half to even."""
        exact = Decimal(self.minor) * Decimal(str(factor))
        return Money(int(exact.to_integral_value(rounding=ROUND_HALF_EVEN)), self.currency)

    def __str__(self) -> str:
        places = exponent(self.currency)
        return f"{Decimal(self.minor).scaleb(-places):,.{places}f} {self.currency}"
