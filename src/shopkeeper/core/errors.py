"""What can go wrong, in words both languages can say: each error is a message key and its facts.

The text lives in ``locale/{en,zh}.toml`` under ``[errors]``; ``str(error)`` is the key with its facts, for logs.
"""


class ShopkeeperError(Exception):
    """Base of every error the engine raises on purpose. ``key`` names the sentence, ``facts`` fill its blanks."""

    retryable = False
    http_status = 500

    def __init__(self, key: str, **facts: object) -> None:
        self.key = key
        self.facts = facts
        super().__init__(key, facts)

    def __str__(self) -> str:
        return f"{self.key}: " + ", ".join(f"{name}={value!r}" for name, value in self.facts.items())


class SettingsError(ShopkeeperError):
    """shop.toml, an option or an environment variable says something impossible."""

    http_status = 400


class DataError(ShopkeeperError):
    """A file or a request as a whole cannot be read. (A single bad row is held in quarantine, never raised.)"""

    http_status = 400


class NotFound(ShopkeeperError):
    """What was asked for does not exist."""

    http_status = 404


class NotAllowed(ShopkeeperError):
    """The key, role or consent at hand does not permit it."""

    http_status = 403


class Unavailable(ShopkeeperError):
    """It cannot be done now but may succeed later: the only error worth retrying."""

    retryable = True
    http_status = 503

    def __init__(self, key: str, *, retry_after_seconds: int = 5, **facts: object) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(key, **facts)
