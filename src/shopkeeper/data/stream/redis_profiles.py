"""Live profiles in Redis: what any process was told is in the next answer of every process.

Each write and each look is one script, so one round trip and all or nothing. Nothing here is the only copy: what Redis
loses is added again from the journal and the lake.
Source: Redis documentation, "Scripting with Lua" and EVALSHA.
"""

import logging
import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha1
from importlib.resources import files
from types import ModuleType
from typing import Any, Final

import msgspec

from shopkeeper.core.errors import SettingsError, Unavailable
from shopkeeper.core.figures import ProfilesFigures, Tally
from shopkeeper.core.ids import PersonKey
from shopkeeper.core.live import SIGN_INS_KEPT, Deed, Doing, Seen, SignIn

MOST: Final = 1_000
"""Deeds that are kept of a person key: the newest."""
_APART: Final = "\x1f"
"""Stands between an event's id and a customer's: neither may hold it."""
_DAY: Final = 86_400
_log: Final = logging.getLogger(__name__)
_TIMEOUT_SECONDS: Final = 0.5
_LOOK_SECONDS: Final = 0.5
"""How often it is asked whether Redis is back. Nobody else waits for it meanwhile: answers come from the fallback."""
_FULL_SHARE: Final = 0.95
_BATCH: Final = 1_000
_MOST_NEWS: Final = 10_000

_Told = tuple[int, str, int, float, float | None, str, int]
_deeds = msgspec.json.Decoder(list[_Told])


def _library() -> ModuleType:
    try:
        import redis
    except ImportError:
        raise SettingsError("extra_missing", extra="scale", package="redis", what="[profiles] url") from None
    return redis


class RedisProfiles:
    """A ``ProfileStore`` at ``redis://host:port/db`` (or ``rediss://``, ``unix://``).

    Raises:
        SettingsError: the address is impossible, or the package is not installed.
    """

    def __init__(self, url: str, *, prefix: str = "shopkeeper", keep_days: float = 90.0) -> None:
        library = _library()
        errors = library.exceptions
        self._failures = (errors.RedisError, OSError)
        self._gone = (errors.ConnectionError, errors.TimeoutError, OSError)
        self._unknown_script = errors.NoScriptError
        self._url, self.prefix, self.seconds = url, f"{{{prefix}}}:", int(keep_days * _DAY)
        again = library.retry.Retry(library.backoff.NoBackoff(), 1, (errors.ConnectionError,))  # it was restarted
        try:
            self._redis: Any = library.Redis.from_url(
                url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS, retry=again
            )  # fmt: skip
        except ValueError as error:
            raise SettingsError(
                "setting_bad", where="profiles", name="url", value=shown(url), wanted="redis://host:port/db"
            ) from error
        self._scripts: dict[str, tuple[str, str]] = {}
        self._away = ""
        """Why Redis could not be reached the last time; empty while it can be."""
        self._away_lock, self._closing = threading.Lock(), threading.Event()
        self._mine = threading.local()
        self._tally, self._fallbacks = Tally(), 0

    def add(self, doings: Sequence[Doing]) -> None:
        """See ``ProfileStore``."""
        for begin in range(0, len(doings), _BATCH):
            records = [word for doing in doings[begin : begin + _BATCH] for word in _records(doing)]
            if records:
                self._run("add", str(self.seconds), str(MOST), str(SIGN_INS_KEPT), *records)

    def look(self, person: PersonKey, also: Sequence[PersonKey] = (), most: int = 100) -> Seen:
        """See ``ProfileStore``."""
        kept: dict[tuple[str, ...], Seen] | None = getattr(self._mine, "seen", None)
        asked = (person, *also)
        if kept is not None and asked in kept:
            return kept[asked]
        try:
            seen = _seen(self._run("look", str(most), *asked))
        except Unavailable:
            self._fallbacks += 1
            raise
        if kept is not None:
            kept[asked] = seen
        return seen

    @contextmanager
    def once(self) -> Iterator[None]:
        """See ``ProfileStore``."""
        self._mine.seen = {}
        try:
            yield
        finally:
            self._mine.seen = None

    def forget(self, people: Sequence[PersonKey]) -> None:
        """See ``ProfileStore``."""
        if people:
            self._run("forget", *people)
            self._add_news([{"forgot": b"1"}])

    def fresh(self) -> bool:
        """See ``ProfileStore``."""
        return not self.asked(lambda redis: redis.exists(f"{self.prefix}filled"))

    def try_write(self) -> None:
        """See ``ProfileStore``."""
        self.asked(lambda redis: redis.set(f"{self.prefix}tried", "1", ex=_DAY))

    def filled(self) -> None:
        """See ``ProfileStore``."""
        self.asked(lambda redis: redis.set(f"{self.prefix}filled", "1"))

    def announce(self, told: Sequence[bytes]) -> None:
        """See ``ProfileStore``."""
        self._add_news([{"told": body} for body in told])

    def _add_news(self, entries: Sequence[Mapping[str, bytes]]) -> None:
        def add(redis: Any) -> None:
            with redis.pipeline(transaction=False) as pipe:
                for entry in entries:
                    pipe.xadd(f"{self.prefix}news", entry, maxlen=_MOST_NEWS, approximate=True)
                pipe.expire(f"{self.prefix}news", self.seconds)
                pipe.execute()

        if entries:
            self.asked(add)

    def news(self, after: str) -> tuple[list[bytes], bool, str]:
        """See ``ProfileStore``."""
        found = self.asked(lambda redis: redis.xrange(f"{self.prefix}news", min=f"({after}" if after else "-"))
        told = [entry[b"told"] for _, entry in found if b"told" in entry]
        last = found[-1][0].decode() if found else after or "0-0"
        return told, any(b"forgot" in entry for _, entry in found), last

    def figures(self) -> ProfilesFigures:
        """See ``ProfileStore``."""
        return ProfilesFigures(asked=self._tally.told(), fallbacks=self._fallbacks, up=not self._away)

    def close(self) -> None:
        """See ``ProfileStore``."""
        self._closing.set()
        self._redis.close()

    def _run(self, script: str, *words: str) -> Any:
        text, digest = self._script(script)

        def call(redis: Any) -> Any:
            try:
                return redis.evalsha(digest, 0, self.prefix, *words)
            except self._unknown_script:  # a fresh server: it is told once
                return redis.eval(text, 0, self.prefix, *words)

        return self.asked(call)

    def _script(self, name: str) -> tuple[str, str]:
        known = self._scripts.get(name)
        if known is None:
            text = files(__package__).joinpath(f"{name}.lua").read_text("utf-8")
            known = self._scripts[name] = (text, _sha(text))
        return known

    def asked(self, call: Callable[[Any], Any]) -> Any:
        """What a call of the client gives.

        Raises:
            Unavailable: Redis refuses it or does not answer, or did not and is not back yet.
        """
        if self._away:
            raise self._unreachable(self._away)
        try:
            return self.ask(call)
        except Unavailable as error:
            if isinstance(error.__cause__, self._gone):
                self._went(str(error.facts["why"]))
            raise

    def ask(self, call: Callable[[Any], Any]) -> Any:
        """The same, whatever was before."""
        try:
            with self._tally.timed(*self._failures):
                return call(self._redis)
        except self._failures as error:
            raise self._unreachable(_why(error)) from error

    def _unreachable(self, why: str) -> Unavailable:
        return Unavailable("profiles_unreachable", url=shown(self._url), why=why, retry_after_seconds=1)

    def _went(self, why: str) -> None:
        """From now on nobody waits, and a thread looks until Redis is back."""
        with self._away_lock:
            before, self._away = self._away, why
        if not before:
            _log.error("Redis is away: %s", self._unreachable(why))
            threading.Thread(target=self._look_until_back, name="profiles", daemon=True).start()

    def _look_until_back(self) -> None:
        while not self._closing.wait(_LOOK_SECONDS):
            try:
                self._redis.ping()
            except self._failures as error:
                self._away = _why(error)
            else:
                _log.warning("Redis is back: url=%r", shown(self._url))
                self._away = ""
                return


def _why(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A Redis that answered."""

    version: str
    policy: str
    """What it does when it is full; ``noeviction`` refuses, everything else throws away."""
    full: bool


def check(url: str) -> Checked:
    """Ask a Redis who it is, and what it does when it is full.

    Raises:
        SettingsError: the address is impossible, or the package is not installed.
        Unavailable: it does not answer, or does not let us in.
    """
    store = RedisProfiles(url)
    try:
        said = store.ask(lambda redis: {**redis.info("server"), **redis.info("memory")})
    finally:
        store.close()
    most = int(said.get("maxmemory", 0))
    return Checked(
        version=str(said["redis_version"]), policy=str(said.get("maxmemory_policy", "noeviction")),
        full=most > 0 and int(said["used_memory"]) > _FULL_SHARE * most,
    )  # fmt: skip


def shown(url: str) -> str:
    """An address without its password."""
    scheme, slashes, rest = url.partition("://")
    return scheme + slashes + rest.rpartition("@")[2]


def _sha(text: str) -> str:
    return sha1(text.encode(), usedforsecurity=False).hexdigest()  # the name that Redis gives a script, no protection


def _records(doing: Doing) -> Iterator[str]:
    for deed in doing.deeds:
        price = None if math.isnan(deed.price) else deed.price
        told = (deed.at, deed.product, deed.action, deed.quantity, price, deed.order, deed.received)
        yield from ("d", doing.person, deed.id, msgspec.json.encode(told).decode())
    if doing.sign_in is not None:
        name = f"{doing.sign_in.event}{_APART}{doing.sign_in.customer}"
        yield from ("s", doing.visitor, name, str(doing.sign_in.at), doing.sign_in.customer)


def _seen(answer: Sequence[Any]) -> Seen:
    deeds, signed, known = answer
    return Seen(
        deeds={_key(key): _sorted(flat) for key, flat in deeds},
        signed={_key(key): sorted(map(_sign_in, _pairs(flat))) for key, flat in signed},
        known={_key(key): frozenset(map(_key, browsers)) for key, browsers in known},
    )


def _key(word: bytes) -> PersonKey:
    return PersonKey(word.decode())


def _sign_in(pair: tuple[bytes, bytes]) -> SignIn:
    event, customer = pair[0].decode().split(_APART)
    return SignIn(int(pair[1]), event, customer)


def _pairs(flat: Sequence[bytes] | Mapping[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    return list(flat.items()) if isinstance(flat, Mapping) else list(zip(flat[::2], flat[1::2], strict=True))


def _sorted(flat: Sequence[bytes] | Mapping[bytes, bytes]) -> list[Deed]:
    """Deeds as they are kept, in order of time and id, the newest ``MOST``."""
    pairs = _pairs(flat)
    told = _deeds.decode(b"[" + b",".join(body for _, body in pairs) + b"]")
    found = [
        Deed(at, key.decode(), product, action, quantity, math.nan if price is None else price, order, received)
        for (key, _), (at, product, action, quantity, price, order, received) in zip(pairs, told, strict=True)
    ]
    return sorted(found, key=lambda deed: deed[:2])[-MOST:]
