# ruff: noqa: E501  # statements and tables are easier to read in long lines
"""Telephone numbers as other systems write them, as one text a number: ``+`` and its digits, as E.164 has it.

A number is written with its country's code, or as it is dialled within the country, which then must be known. What is
neither stays as it is written: it is never taken for the number of somebody else.
"""

from typing import Final

_CODES: Final = {
    "86": "CN", "852": "HK", "853": "MO", "886": "TW", "81": "JP", "82": "KR", "65": "SG", "60": "MY", "66": "TH", "84": "VN",
    "62": "ID", "63": "PH", "91": "IN", "61": "AU", "64": "NZ", "971": "AE", "966": "SA", "972": "IL", "90": "TR", "27": "ZA",
    "234": "NG", "254": "KE", "20": "EG", "44": "GB", "353": "IE", "33": "FR", "49": "DE", "43": "AT", "41": "CH", "32": "BE",
    "31": "NL", "352": "LU", "45": "DK", "46": "SE", "47": "NO", "358": "FI", "354": "IS", "39": "IT", "34": "ES", "351": "PT",
    "30": "GR", "48": "PL", "420": "CZ", "421": "SK", "40": "RO", "359": "BG", "385": "HR", "386": "SI", "372": "EE",
    "371": "LV", "380": "UA", "52": "MX", "55": "BR", "54": "AR", "56": "CL", "57": "CO", "51": "PE",
}  # fmt: skip
"""Country codes and whose they are."""
_AMERICA: Final = ("US", "CA", "PR")
"""Countries of code 1: ten digits, before which a 1 may be dialled."""
_KEEPS_ZERO: Final = ("IT",)
"""Where the first 0 is part of the number."""


def telephone(number: str, country: str) -> str:
    """SQL: a telephone number with its country's code. ``country``: SQL of a country's two letters, NULL where it is
    not known."""
    bare = f"regexp_replace(translate({number}, '＋０１２３４５６７８９', '+0123456789'), '[^0-9+]', '', 'g')"
    land = f"upper({country})"
    listed = ", ".join(f"'{name}'" for name in _AMERICA)
    codes = " ".join(f"WHEN '{name}' THEN '{code}'" for code, name in _CODES.items())
    zero = ", ".join(f"'{name}'" for name in _KEEPS_ZERO)
    code = f"CASE {land} {codes} END"
    national = f"CASE WHEN {land} IN ({zero}) THEN {bare} ELSE ltrim({bare}, '0') END"
    whole = (
        f"CASE WHEN {bare} LIKE '+%' THEN '+' || replace({bare}, '+', '') "
        f"WHEN {bare} LIKE '00%' THEN '+' || ltrim({bare}, '0') "
        f"WHEN {land} IN ({listed}) AND length({bare}) = 10 THEN '+1' || {bare} "
        f"WHEN {land} IN ({listed}) AND {bare} LIKE '1%' AND length({bare}) = 11 THEN '+' || {bare} "
        f"WHEN {land} = 'CN' AND regexp_full_match({bare}, '86(1[3-9][0-9]{{{{9}}}})') THEN '+' || {bare} "
        f"WHEN length({national}) >= 6 THEN '+' || {code} || {national} END"
    )
    return f"coalesce(nullif(regexp_extract({whole}, '^[+][1-9][0-9]{{{{6,14}}}}$'), ''), nullif(ltrim({number}, ''''), ''))"
