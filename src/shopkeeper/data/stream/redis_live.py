"""Live profiles as numbers, and what is trending, in Redis: written whole, by one who keeps them up.

``<prefix>live:<person>`` and ``<prefix>hours:<product>`` are hashes of ``state`` (JSON) and ``upto`` (JSON: up to which
place of each partition it was made; absent where a Flink job writes, which keeps its places itself).
``<prefix>trending`` is a sorted set of products.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from shopkeeper.data.stream.redis_profiles import RedisProfiles

_MOST_TRENDING: Final = 10_000
_HOURS_SECONDS: Final = 4 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One state with its places."""

    state: str = ""
    upto: Mapping[str, int] = field(default_factory=dict)


class RedisLive:
    """The live part of a ``RedisProfiles``; each call is one round trip.

    Raises:
        Unavailable: Redis does not answer.
    """

    def __init__(self, store: RedisProfiles) -> None:
        self._store = store

    def people(self, people: Sequence[str]) -> dict[str, Kept]:
        """What is kept of some people."""
        return self._read("live", people)

    def products(self, products: Sequence[str]) -> dict[str, Kept]:
        """What is kept of some products."""
        return self._read("hours", products)

    def _read(self, kind: str, names: Sequence[str]) -> dict[str, Kept]:
        def ask(redis: Any) -> Any:
            with redis.pipeline(transaction=False) as pipe:
                for name in names:
                    pipe.hmget(f"{self._store.prefix}{kind}:{name}", "state", "upto")
                return pipe.execute()

        answers = self._store.asked(ask) if names else []
        return {
            name: Kept(state=(state or b"").decode(), upto=json.loads(upto) if upto else {})
            for name, (state, upto) in zip(names, answers, strict=True)
        }

    def write(self, people: Mapping[str, Kept], products: Mapping[str, tuple[Kept, float]]) -> None:
        """Replace states, all of them or none; a product comes with its score."""
        prefix, seconds = self._store.prefix, self._store.seconds

        def tell(redis: Any) -> None:
            with redis.pipeline(transaction=True) as pipe:
                for person, kept in people.items():
                    _put(pipe, f"{prefix}live:{person}", kept, seconds)
                for product, (kept, score) in products.items():
                    _put(pipe, f"{prefix}hours:{product}", kept, _HOURS_SECONDS)
                    pipe.zadd(f"{prefix}trending", {product: score})
                if products:
                    pipe.zremrangebyrank(f"{prefix}trending", 0, -_MOST_TRENDING - 1)
                pipe.execute()

        if people or products:
            self._store.asked(tell)

    def trending(self, count: int) -> list[str]:
        """The products that are sought after most, most first."""
        found = self._store.asked(lambda redis: redis.zrevrange(f"{self._store.prefix}trending", 0, count - 1))
        return [name.decode() for name in found]


def _put(pipe: Any, key: str, kept: Kept, seconds: int) -> None:
    places = {"upto": json.dumps(kept.upto)} if kept.upto else {}
    pipe.hset(key, mapping={"state": kept.state, **places})
    pipe.expire(key, seconds)
