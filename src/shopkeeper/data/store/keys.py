"""API keys: who may talk to the shop, and the secret with which visitors and customers are signed."""

import hashlib
import hmac
import secrets
from base64 import b32encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from shopkeeper.core.errors import NotFound
from shopkeeper.data.store.database import Database

Role = Literal["publishable", "secret"]
_PREFIX: Final[dict[Role, str]] = {"publishable": "pk_", "secret": "sk_"}
_KEY_BYTES: Final = 20
_LONGEST: Final = 64


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
        row = (f"k_{secrets.token_hex(6)}", role, _hash(key), name, _micros(self._clock()))
        self._database.write("INSERT INTO keys (id, role, hash, name, created_at) VALUES (?, ?, ?, ?, ?)", [row])
        return key

    def list(self) -> list[KeyFacts]:
        """All keys ever made, oldest first."""
        rows = self._database.read("SELECT id, role, name, created_at, revoked_at FROM keys ORDER BY created_at, rowid")
        return [
            KeyFacts(id=row[0], role=row[1], name=row[2], created_at=_time(row[3]),
                     revoked_at=None if row[4] is None else _time(row[4]))
            for row in rows
        ]  # fmt: skip

    def revoke(self, key_id: str) -> None:
        """Make a key worthless, at once.

        Raises:
            NotFound: no key has this id.
        """
        sql = "UPDATE keys SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?"
        if not self._database.write(sql, [(_micros(self._clock()), key_id)]):
            raise NotFound("unknown_key_id", id=key_id)

    def role_of(self, key: str) -> Role | None:
        """What a key may be used as; None for one that is wrong or revoked."""
        found = self.find(key)
        return None if found is None else found[0]

    def find(self, key: str) -> tuple[Role, str] | None:
        """The role and the id of a key. Every stored hash is compared, each in constant time."""
        generation = self._database.generation()
        if generation != self._generation:
            rows = self._database.read("SELECT hash, role, id FROM keys WHERE revoked_at IS NULL")
            self._active, self._generation = tuple((bytes(row[0]), row[1], row[2]) for row in rows), generation
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
            fresh = ("identity", secrets.token_hex(32))
            self._database.write("INSERT INTO secrets (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING", [fresh])
            self._identity = str(self._database.read("SELECT value FROM secrets WHERE name = 'identity'")[0][0])
        return self._identity


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _micros(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)


def _time(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / 1_000_000, UTC)
