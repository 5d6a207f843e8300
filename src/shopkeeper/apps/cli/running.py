"""``serve``, ``demo`` and ``doctor``: the shop at work, a ready example, and what is wrong."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from shopkeeper.apps.cli import say
from shopkeeper.apps.cli.facts import show_accounts
from shopkeeper.apps.cli.learning import show_decision, show_training
from shopkeeper.apps.cli.options import HERE, Folder, Json, Lang
from shopkeeper.apps.console.app import console_routes, login_link
from shopkeeper.apps.console.visit_address import address as address_of
from shopkeeper.apps.http.from_shop import ShopEngine
from shopkeeper.apps.http.server import serve as serve_http
from shopkeeper.core.decision import Request
from shopkeeper.core.ids import CustomerId
from shopkeeper.shop import Shop
from shopkeeper.shop.demo import examples, open_demo
from shopkeeper.shop.doctor import examine
from shopkeeper.shop.doctor.mending import drop_damaged
from shopkeeper.shop.segment_facts import segment_facts
from shopkeeper.shop.training import train


def add_to(app: typer.Typer) -> None:
    for command in (serve, demo, doctor):
        app.command()(command)


def serve(
    folder: Folder = HERE,
    host: Annotated[str, typer.Option(help="Address to listen on; shop.toml's if not given.")] = "",
    port: Annotated[int, typer.Option(help="Port to listen on; shop.toml's if not given.")] = 0,
) -> None:
    """Answer: the HTTP API and the console, in one process."""
    with Shop.open(folder, sharing=True) as shop:
        _serve(shop, host or shop.settings.serve.host, port or shop.settings.serve.port)


def _serve(shop: Shop, host: str, port: int) -> None:
    def started(address: str) -> None:
        say.line("serve_ready", url=address)
        if sys.stdout.isatty():
            say.line("serve_console", url=f"{address}{login_link(shop)}")
        else:  # what is written into a log opens nothing
            say.line("serve_console_key", url=f"{address}{address_of('/')}")
        say.line("serve_stop")

    serve_http(ShopEngine(shop), host, port, extra_routes=console_routes(shop), started=started)


def demo(
    folder: Annotated[Path, typer.Option("--shop", "-s", help="Where the demo shop is kept.")] = Path("demo-shop"),
    serving: Annotated[
        bool, typer.Option("--serve/--no-serve", help="Serve afterwards, or end after printing.")
    ] = True,
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 0,
    lang: Lang = None,  # noqa: ARG001 - its callback has set the language
) -> None:
    """A shop with one year of household purchases: imported, cleaned, trained, judged, and explained."""
    say.line("demo_data")
    with open_demo(folder, language=say.Tongue.language) as (shop, fresh):
        if fresh:
            with say.progress() as progress:
                show_accounts(fresh(progress))
        else:
            say.line("demo_again", folder=folder)
        if shop.models.current() is None:
            with say.progress() as progress:
                report = train(shop, progress=progress)
            show_training(report, shop.settings.rank.least_lists)
        found = segment_facts(shop, say.Tongue.language)["segments"]
        names = "; ".join(f"{one['label']} {one['name']} ({one['people_share']:.0%})" for one in found)
        say.line("demo_segments", names=names or "-")
        for customer in examples(shop):
            request = Request(
                placement="home", at=shop.clock(), customer=CustomerId(customer), count=5, language=say.Tongue.language
            )
            title = say.text("recommend_title", customer=customer, placement="home")
            show_decision(shop, shop.preview(request), title)
        if serving:
            _serve(shop, shop.settings.serve.host, port or shop.settings.serve.port)


def doctor(
    folder: Folder = HERE,
    as_json: Json = False,
    drop: Annotated[
        bool,
        typer.Option("--drop-damaged", help="Take damaged rows out of the SQLite files, and print what they said."),
    ] = False,
) -> None:
    """Look at everything a shop stands on and say what is wrong. Exit code 1 where something is."""
    taken = drop_damaged(folder) if drop else []
    found = examine(folder)
    if as_json and drop:
        say.as_json({"taken": [asdict(row) for row in taken], "found": [finding.to_dict() for finding in found]})
    elif as_json:
        say.as_json([finding.to_dict() for finding in found])
    else:
        marks = {"ok": "[green]✓[/]", "warning": "[yellow]![/]", "wrong": "[red]✗[/]"}
        for row in taken:
            say.line("doctor_taken", file=row.file, table=row.table, values=json.dumps(row.values, ensure_ascii=False))
        for finding in found:
            why = {} if finding.error is None else {"why": say.sentence(finding.error)}
            words = say.text(f"doctor_{finding.key}", **{**finding.facts, **why})
            say.OUT.print(marks[finding.level], say.escape(words))
    if any(finding.level == "wrong" for finding in found):
        raise typer.Exit(1)
