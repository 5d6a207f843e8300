"""Where slow work is done: a pool for what waits for the disk, so that the loop stays free for decisions."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, TypeVar

T = TypeVar("T")

_collecting: Final = ThreadPoolExecutor(16, "collect")
"""Batches in flight: the journal commits those that wait together."""
_reading: Final = ThreadPoolExecutor(4, "read")
"""Profiles, exports, erasures: slower, and never in the way of events."""


async def collected(work: Callable[..., T], *args: Any, **named: Any) -> T:
    """Run in a thread for incoming events."""
    return await asyncio.get_running_loop().run_in_executor(_collecting, partial(work, *args, **named))


async def waited(work: Callable[..., T], *args: Any) -> T:
    """Run in a thread for reading."""
    return await asyncio.get_running_loop().run_in_executor(_reading, partial(work, *args))
