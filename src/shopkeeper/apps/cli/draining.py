"""``drain``: what was accepted moves into the lake."""

import logging
import signal
import threading
from contextlib import closing
from typing import Annotated, Any

import typer

from shopkeeper.apps.cli import say
from shopkeeper.apps.cli.options import HERE, Folder
from shopkeeper.shop import Shop
from shopkeeper.shop.streaming import StreamDrain


def add_to(app: typer.Typer) -> None:
    app.command()(drain)


def drain(
    folder: Folder = HERE,
    once: Annotated[bool, typer.Option("--once", help="Move what is there now, then end.")] = False,
    anew: Annotated[
        bool, typer.Option("--anew", help="First begin again with partitions that are shorter than what was read.")
    ] = False,
) -> None:
    """Fill the lake from the topic of the stream, exactly once, until told to stop; without a stream, from the journal.

    Exactly one runs for a shop, beside any number of `serve`; it also trains again when the models have aged.
    """
    stop = _told_to_stop()
    with Shop.open(folder) as shop:
        if not shop.streaming:
            say.line("drain_done", moved=f"{shop.drain():,}")
            return
        with closing(StreamDrain(shop)) as work:
            if anew:
                say.line("drain_anew", partitions=", ".join(map(str, work.begin_anew())) or "-")
            if once:
                say.line("drain_done", moved=f"{work.run_once():,}")
                return
            logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
            say.line("drain_works", topic=shop.settings.stream.url.rpartition("/")[2])
            work.run(stop)


def _told_to_stop() -> threading.Event:
    """Set by SIGINT and SIGTERM."""
    stop = threading.Event()

    def told(*_: Any) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, told)
    return stop
