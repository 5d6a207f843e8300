"""What a known format is: how it is recognised, and how its rows become rows of our kinds by SQL.

``{rows}`` in a statement stands for the file as a table of texts: every column it has, those of ``needs`` and ``uses``
under exactly these names (NULL where the file lacks them), blanks trimmed, empty cells NULL, and its physical line.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from shopkeeper.core.money import EXPONENTS
from shopkeeper.data.cleaning.columns import Kind
from shopkeeper.data.cleaning.values import quoted, trimmed_sql
from shopkeeper.data.held_pile import HeldPile
from shopkeeper.data.rows import LINE, Refused, Rejects, Rows, Warn, identifier, shifts

THEIRS: Final = "theirs"
OURS: Final = "ours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a format says of one kind. ``select`` gives ``LINE`` and columns of that kind, as text."""

    kind: Kind
    select: str
    of: Kind | None = None
    """It also comes along where only this kind was asked for."""
    orders: bool = True
    """Whether order lines make the order's event; false where the file's own events do."""
    returns: bool = False
    """Whether negative quantities are returns."""
    refused: tuple[Refused, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    """Which of ours those columns are that keep the file's own names."""
    derived: bool = False
    """Whether its products follow from what happened to them: they count only where no catalogue tells of them."""
    so_far: bool = False
    """Whether its returns and cancellations state what has come back of the whole order so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One format. ``needs``: the columns by which it is known; ``uses``: those that may be absent."""

    name: str
    needs: tuple[str, ...]
    parts: tuple[Part, ...]
    uses: tuple[str, ...] = ()
    any_of: tuple[tuple[str, ...], ...] = ()
    """Of each group at least one column is there."""
    unlike: tuple[str, ...] = ()
    """Columns that this format never has."""
    anchors: Mapping[int, str] = field(default_factory=dict)
    """Where its header is translated: what the names at some places begin with …"""
    places: tuple[str, ...] = ()
    """… and the names of the columns by their place."""
    shouted: bool = False
    """Its columns are known by their capital letters too."""
    nested: tuple[str, ...] = ()
    """Columns that hold JSON; a cell that is none counts as empty."""
    skipped: str = ""
    """(what, how many) of the rows that say nothing a shop keeps: counted and told, never dropped unsaid."""
    dated: str = ""
    """The column whose cells together prove how all dates are written."""
    declared: Mapping[str, str] = field(default_factory=dict)
    """How the format always writes its values: declarations of a map file."""

    def recognises(self, columns: Sequence[str]) -> bool:
        """Whether a file with these columns is one of this format."""
        if self.places:
            found = [plain(name) for name in columns]
            return len(found) >= len(self.places) and all(found[n].startswith(word) for n, word in self.anchors.items())
        same = str.strip if self.shouted else plain
        there = {same(name) for name in columns}
        if not all(same(name) in there for name in self.needs) or any(same(name) in there for name in self.unlike):
            return False
        return all(any(same(name) in there for name in group) for group in self.any_of)

    def load(self, con: Any, rows: Rows) -> Rows:
        """Read the file into the table ``THEIRS``; what could not be read of it comes back with it."""
        ours = {plain(name): name for name in (*self.needs, *self.uses)}
        ours |= {plain(their): name for their, name in zip(rows.columns, self.places, strict=False)}
        once = {ours.get(plain(name), name).casefold(): name for name in reversed(rows.columns)}
        cells = [
            f"{self._cell(name, plain_rows=rows.plain)} AS {identifier(ours.get(plain(name), name))}"
            for name in rows.columns
            if name in once.values()
        ]
        lacking = [name for name in (*self.needs, *self.uses) if name.casefold() not in once]
        cells += [f"NULL::VARCHAR AS {identifier(name)}" for name in lacking]
        line = LINE if rows.numbered else f"row_number() OVER () + {rows.first_line - 1}"
        con.execute(f"CREATE TABLE {THEIRS} AS SELECT {line} AS {LINE}, {', '.join(cells)} FROM {rows.relation}")
        refused = rows.rejects()
        if len(refused) and not rows.numbered:
            _renumber(con, refused)
        return Rows(
            relation=THEIRS,
            columns=rows.columns,
            numbered=True,
            strange=rows.strange,
            unnamed=rows.unnamed,
            open_end=rows.open_end,
            warnings=rows.warnings,
            held=_both(rows.held, refused),
        )

    def _cell(self, name: str, *, plain_rows: bool) -> str:
        cell = trimmed_sql(identifier(name), plain=plain_rows)
        if plain(name) in {plain(one) for one in self.nested}:
            return f"(CASE WHEN json_valid({identifier(name)}) THEN {identifier(name)} END)"
        return cell

    def skips(self, con: Any) -> tuple[Warn, ...]:
        """What was passed over, as a warning."""
        found = con.execute(self.skipped.format(rows=THEIRS)).fetchall() if self.skipped else []
        if not found:
            return ()
        names = ", ".join(f"{what} {count:,}" for what, count in found)
        return (Warn(key="rows_skipped", facts={"count": sum(count for _, count in found), "names": names}),)


def _both(held: Rejects, refused: Rejects) -> Rejects:
    """What is no text and what is no row, where one of them is none as it is."""
    if not len(held) or not len(refused):
        return held if len(held) else refused
    if isinstance(held, HeldPile):
        held.extend(refused)
        return held
    return (*held, *refused)


def part_rows(con: Any, part: Part, loaded: Rows, now: datetime, *, main: bool, dates: str = "") -> Rows:
    """The rows of one part. What could not be read at all is told with the main one, a format's last. ``dates``: how
    they are written, where it is not the usual way."""
    select = part.select.format(rows=THEIRS, line=LINE, now=quoted(now.isoformat()), dates=quoted(dates))
    con.execute(f"DROP TABLE IF EXISTS {OURS}")
    con.execute(f"CREATE TABLE {OURS} AS {select} ORDER BY {LINE}")
    names = tuple(row[0] for row in con.execute(f"DESCRIBE {OURS}").fetchall() if row[0] != LINE)
    return Rows(
        relation=OURS,
        columns=names,
        numbered=True,
        strange=loaded.strange,
        open_end=loaded.open_end if main else 0,
        refused=part.refused,
        so_far=part.so_far,
        warnings=loaded.warnings if main else (),
        held=loaded.held if main else (),
    )


def plain(name: str) -> str:
    """A column's name as it is compared."""
    return name.strip().casefold().replace(" ", "_").replace("-", "_")


def _renumber(con: Any, refused: Rejects) -> None:
    """Count the lines that were refused into the numbers of those after them."""
    con.register("refused_lines", shifts(refused))
    con.execute(
        f"CREATE OR REPLACE TABLE {THEIRS} AS SELECT t.* REPLACE ({LINE} + coalesce(before, 0) AS {LINE}) "
        f"FROM {THEIRS} t ASOF LEFT JOIN refused_lines ON {LINE} >= start"
    )


def text(column: str, path: str) -> str:
    """SQL: the text at a path of a JSON column."""
    return f"json_extract_string({column}, '$.{path}')"


def each(column: str) -> str:
    """SQL: the members of a JSON array as a list, empty where it is none."""
    return f"(CASE WHEN json_type({column}) = 'ARRAY' THEN from_json({column}, '[\"JSON\"]') ELSE [] END)"


_SIGNS: Final = {
    "nbsp": " ", "#160": " ", "lt": "<", "gt": ">", "quot": '"', "#34": '"', "#39": "'", "#039": "'", "apos": "'",
    "rsquo": "’", "#8217": "’", "lsquo": "‘", "#8216": "‘", "ldquo": "“", "#8220": "“", "rdquo": "”", "#8221": "”",
    "ndash": "–", "#8211": "–", "mdash": "—", "#8212": "—", "hellip": "…", "#8230": "…", "deg": "°", "times": "×",
    "euro": "€", "pound": "£", "yen": "¥", "copy": "©", "reg": "®", "trade": "™", "auml": "ä", "ouml": "ö", "uuml": "ü",
    "Auml": "Ä", "Ouml": "Ö", "Uuml": "Ü", "szlig": "ß", "eacute": "é", "egrave": "è", "agrave": "à", "ccedil": "ç",
    "ntilde": "ñ", "#038": "&", "#38": "&", "amp": "&",
}  # fmt: skip
"""How HTML writes signs that shops' texts are full of; what is written twice is written once then."""


def signs(sql: str) -> str:
    """SQL: a text with the signs that HTML writes as words."""
    for name, sign in _SIGNS.items():
        sql = f"replace({sql}, '&{name};', {quoted(sign)})"
    return sql


def words_of(html: str) -> str:
    """SQL: what an HTML text says."""
    bare = f"regexp_replace({html}, '<[^>]*>', ' ', 'g')"
    return f"trim({signs(bare)})"


def full_name(first: str, last: str) -> str:
    """SQL: a person's name; Chinese, Japanese and Korean ones begin with the family's."""
    east = "[\\p{{Han}}\\p{{Hiragana}}\\p{{Katakana}}\\p{{Hangul}}]+"
    return (
        f"CASE WHEN regexp_full_match({first} || {last}, '{east}') THEN {last} || {first} "
        f"ELSE nullif(concat_ws(' ', {first}, {last}), '') END"
    )


def decimals(currency: str) -> str:
    """SQL: how many decimals the amounts of a currency have."""
    codes = {places: listed(code for code, its in EXPONENTS.items() if its == places) for places in (0, 3)}
    return f"CASE WHEN {currency} IN ({codes[0]}) THEN 0 WHEN {currency} IN ({codes[3]}) THEN 3 ELSE 2 END"


def written(amount: str, places: str) -> str:
    """SQL: an amount in major units as text, with so many decimals; NULL stays NULL."""
    form = f"CASE {places} WHEN 0 THEN '%.0f' WHEN 2 THEN '%.2f' ELSE '%.3f' END"
    return f"CASE WHEN {amount} IS NOT NULL THEN printf({form}, {amount}) END"


def share(amount: str, worth: str, places: str, *, until: str, total: str) -> str:
    """SQL: what of an amount falls on a line that is worth so much of ``total``, in whole coins: the shares of all
    lines add up to the amount. ``until``: the worth of the lines before it with its own."""
    coins = f"{amount} * power(10, {places})"
    return (
        f"(round({coins} * {until} / {total}) - round({coins} * ({until} - {worth}) / {total})) / power(10, {places})"
    )


def number(sql: str) -> str:
    """SQL: an amount as a number, NULL where it is none; a comma divides thousands."""
    return f"TRY_CAST(replace({sql}, ',', '') AS DOUBLE)"


def listed(words: Iterable[str]) -> str:
    """SQL: some texts, as ``IN`` takes them."""
    return ", ".join(map(quoted, words))
