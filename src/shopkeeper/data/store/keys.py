"""API keys: who may talk to the shop, and the secret with which visitors and customers are signed."""

import hashlib
import hmac
import secrets
from base64 import b32encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import bindparam, func, insert, select, update

from shopkeeper.core.errors import NotFound, Unavailable
from shopkeeper.data.store import tables
from shopkeeper.data.store.database import Database

Role = Literal["publishable", "secret"]
_PREFIX: Final[dict[Role, str]] = {"publishable": "pk_", "secret": "sk_"}
_KEY_BYTES: Final = 20
_LONGEST: Final = 64
_KEYS: Final = tables.keys.c


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFacts:
    """What may be shown of a key after its creation: never the key."""

    id: str
    role: Role
    name: str
    created_at: datetime
    revoked_at: datetime | None


class Keys:
    """The shop's keys. Only hashes are kept: 160 random bits cannot be guessed, so a plain SHA-256 is enough and a
    slow password hash would only slow every request down."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database, self._clock = database, clock
        self._generation = -1
        self._active: tuple[tuple[bytes, Role, str], ...] = ()

    def create(self, role: Role, name: str = "") -> str:
        """A new key; this is the only time it can be read."""
        key = _PREFIX[role] + b32encode(secrets.token_bytes(_KEY_BYTES)).decode().lower()
        row = {"id": f"k_{secrets.token_hex(6)}", "role": role, "hash": _hash(key), "name": name}
        self._database.write(insert(tables.keys), [row | {"created_at": self._clock()}])
        return key

    def list(self) -> list[KeyFacts]:
        """All keys ever made, oldest first."""
        shown = select(_KEYS.id, _KEYS.role, _KEYS.name, _KEYS.created_at, _KEYS.revoked_at)
        rows = self._database.read(shown.order_by(_KEYS.created_at, _KEYS.seq))
        return [KeyFacts(**row._mapping) for row in rows]

    def revoke(self, key_id: str) -> None:
        """Make a key worthless, at once.

        Raises:
            NotFound: no key has this id.
        """
        first = func.coalesce(_KEYS.revoked_at, bindparam("now", type_=_KEYS.revoked_at.type))
        revoked = update(tables.keys).where(_KEYS.id == bindparam("which")).values(revoked_at=first)
        if not self._database.write(revoked, [{"now": self._clock(), "which": key_id}]):
            raise NotFound("unknown_key_id", id=key_id)

    def role_of(self, key: str) -> Role | None:
        """What a key may be used as; None for one that is wrong or revoked."""
        found = self.find(key)
        return None if found is None else found[0]

    def find(self, key: str) -> tuple[Role, str] | None:
        """The role and the id of a key. Every stored hash is compared, each in constant time.

        While the database is away the keys of before count: nobody can revoke one then.
        """
        generation = self._database.generation()
        if generation != self._generation:
            try:
                rows = self._database.read(select(_KEYS.hash, _KEYS.role, _KEYS.id).where(_KEYS.revoked_at.is_(None)))
            except Unavailable:
                if self._generation < 0:
                    raise
            else:
                self._active, self._generation = tuple((bytes(row.hash), row.role, row.id) for row in rows), generation
        wanted, found = _hash(key[:_LONGEST]), None
        for digest, role, key_id in self._active:
            if hmac.compare_digest(digest, wanted):
                found = (role, key_id)
        return found

    @property
    def identity_secret(self) -> str:
        """Signs visitor ids, and customer ids for browsers: 64 hex digits, made at the first use, known to the shop's
        own server and to nobody else."""
        if not hasattr(self, "_identity"):
            kept = select(tables.secrets.c.value).where(tables.secrets.c.name == "identity")
            if not (rows := self._database.read(kept)):
                fresh = {"name": "identity", "value": secrets.token_hex(32)}
                self._database.write(self._database.insert_into(tables.secrets).on_conflict_do_nothing(), [fresh])
                rows = self._database.read(kept)
            self._identity = str(rows[0].value)
        return self._identity


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
