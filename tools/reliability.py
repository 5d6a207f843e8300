"""Runs the long version of the reliability tests and writes their counts into docs/{en,zh}/reliability.md.

``python tools/reliability.py --minutes 300``: each part gets its share of the time and ends when its full count is
reached. The harness is that of tests/reliability; what is counted is what its oracle saw, in this process. The counts
stand in docs/reliability.json, each part with the day, the minutes and the load of its run; parts that are not run
again keep theirs. ``--only`` without a part writes the pages from that file.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

ROOT = Path(__file__).parents[1]
for folder in ("src", "tests", "tests/reliability", "tests/journeys"):
    sys.path.insert(0, str(ROOT / folder))

import backing_up  # noqa: E402  # found by the lines above
import bringing  # noqa: E402
import cutting  # noqa: E402
import damaging  # noqa: E402
import deeds  # noqa: E402
import faults  # noqa: E402
import killing  # noqa: E402
import machine  # noqa: E402
import overload  # noqa: E402
import soaking  # noqa: E402

DOCS = ROOT / "docs"
SOURCE = subprocess.run(  # noqa: S603  # words of our own
    ["git", "-C", str(ROOT), "rev-parse", "--short=10", "HEAD:src"],  # noqa: S607  # whichever git there is
    capture_output=True, text=True, check=False,
).stdout.strip()  # fmt: skip
"""Which software is tried: the name that git gives to the folder ``src``; empty outside of a repository."""
TELL_SECONDS = 30.0
MEMORY = Path("/dev/shm")  # noqa: S108  # folders of their own, made by tempfile
ONE_LIFE = 4_500.0
Facts = dict[str, Any]
MUTATED = ("files", "refused", "bodies", "events", "requests", "inputs")
"""What the long tests of the corpus say of themselves."""
TRIED = ("files", "bodies", "events", "requests", "inputs")


def p99(seconds: list[float]) -> float:
    ordered = sorted(seconds)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], 3) if ordered else 0.0


@dataclass(slots=True)
class Run:
    """One part's time, and what it tells while it runs: a run that is ended keeps the counts that it had."""

    seconds: float
    tell: Callable[[Facts], None]
    began: float = field(default_factory=time.monotonic)
    loads: list[float] = field(default_factory=list)

    def until(self, most: int, step: Callable[[int], int], facts: Callable[[], Facts]) -> Facts:
        """Do steps until enough are done or the time is over."""
        told, done = time.monotonic(), 0
        while done < most and time.monotonic() < self.began + self.seconds:
            done += step(done)
            if time.monotonic() > told + TELL_SECONDS:
                told = time.monotonic()
                self.tell(self.about(facts()))
        return facts()

    def about(self, facts: Facts) -> Facts:
        """Counts with when they were made, in how long and beside how much else."""
        self.loads.append(os.getloadavg()[0])
        return {
            **facts,
            "run": {
                "date": f"{datetime.now(UTC):%Y-%m-%d}", "source": SOURCE,
                "minutes": round((time.monotonic() - self.began) / 60, 1),
                "load": round(sum(self.loads) / len(self.loads), 1), "cores": os.cpu_count(),
                "machine": f"{platform.system()} {platform.machine()}", "python": platform.python_version(),
            },
        }  # fmt: skip


def of_kills(killed: killing.Killed) -> Facts:
    return {
        "kills": killed.kills, "acknowledged": killed.acknowledged * 9, "lost": killed.found.lost,
        "doubled": killed.found.doubled, "halves": killed.found.halves, "missed": sorted(set(killed.missed)),
        "recovery_p99": p99(killed.found.seconds), "ready_p99": p99(killed.ready_seconds),
    }  # fmt: skip


def random_kills(aside: Path, run: Run) -> Facts:
    """A writer killed at random moments."""
    total = killing.Killed()

    def step(done: int) -> int:
        total.add(killing.at_random(aside, 20, seed=done + 1))
        return 20

    return run.until(1_000, step, lambda: of_kills(total))


def named_kills(aside: Path, run: Run) -> Facts:
    """Every named place in turn, over and over."""
    shop = deeds.make_shop(aside / "trained", trained=2)
    with closing(killing.Shop.open(shop)) as opened:
        opened.collect(killing.events(0))
    worn = killing.worn(aside / "worn")
    total, each = killing.Killed(), dict.fromkeys(sorted(killing.POINTS - {*bringing.BRINGING}), 0)

    def step(done: int) -> int:
        turn, place = divmod(done, len(each))
        point = sorted(each)[place]
        if point in killing.WRITING:
            killed = killing.at(point, aside, first=turn, like=worn if point in killing.SELDOM else None)
        elif point in killing.MAKING:
            killed = killing.while_making(point, aside, first=turn + 1)
        elif point in killing.MIGRATING:
            killed = killing.while_migrating(point, aside, first=turn + 1)
        elif point in killing.TRAINING:
            killed = killing.while_training(point, shop)
        else:
            killed = killing.while_saving(point, shop, aside, [0])
        each[point] += killed.kills - len(killed.missed)
        total.add(killed)
        return 1

    return run.until(100 * len(each), step, lambda: {**of_kills(total), "points": each})


def power_cuts(aside: Path, run: Run) -> Facts:
    """The real server traced, cut at its answers, three ways."""
    total = cutting.Cuts()
    batches, before = 0, 0

    def step(done: int) -> int:
        nonlocal batches, before
        with tempfile.TemporaryDirectory(dir=aside) as folder:
            work = cutting.traced(Path(folder), 120)
            before += len(cutting.answered_before_synced(work)) + len(cutting.names_left(work))
            found = cutting.cut(work, Path(folder), cuts=60, seed=done)
        batches += len(work.heard)
        total.add(found)
        return 60

    def facts() -> Facts:
        return {
            "cuts": total.cuts, "failed": total.failed, "acknowledged": batches * 9, "lost": total.lost,
            "doubled": total.doubled, "unreadable": total.unreadable, "before_sync": before,
            "recovery_p99": p99(total.seconds), "first": total.first,
        }  # fmt: skip

    return run.until(500, step, facts)


def broken_servers(aside: Path, run: Run) -> Facts:  # noqa: ARG001  # each of them once, however long
    """Servers with a sync taken out: each must be found out."""
    found: Facts = {}
    for name, code in cutting.BROKEN.items():
        with tempfile.TemporaryDirectory(dir=aside) as folder:
            if name == "journal not settled":
                work = cutting.killed_and_served_again(Path(folder), 12, at=9, code=code)
            else:
                work = cutting.traced(Path(folder), 50, code=code)
            cuts = cutting.cut(work, Path(folder), cuts=20, seed=1, modes=("drop",))
        found[name] = {"cuts": sum(cuts.cuts.values()), "failed": sum(cuts.failed.values())}
    return found


def disk_faults(aside: Path, run: Run) -> Facts:
    """An error of the n-th sync, write, read, link, open … of every thread, for every n that is come to; only those
    that struck are counted."""
    total, turns = faults.Faults(), count()
    nth, idle, rounds = (dict.fromkeys(faults.KINDS, 0) for _ in range(3))

    def step(done: int) -> int:  # noqa: ARG001  # runs that struck nothing count as none
        kind = faults.KINDS[next(turns) % len(faults.KINDS)]
        nth[kind] += 1
        turn = nth[kind] + rounds[kind]
        found = faults.one(aside, kind[0], nth[kind], error=kind[1], early=turn % 5 == 0, for_ever=turn % 2 == 0)
        total.add(found)
        struck = sum(found.struck.values())
        idle[kind] = 0 if struck else idle[kind] + 1
        if idle[kind] == 3:  # no thread comes that far
            nth[kind], idle[kind], rounds[kind] = 0, 0, rounds[kind] + 1
        return struck

    def facts() -> Facts:
        return {
            "runs": total.runs, "struck": total.struck, "refusals": total.refusals,
            "acknowledged": total.acknowledged * 9,
            "lost": total.found.lost, "doubled": total.found.doubled, "halves": total.found.halves,
            "damaged": total.found.damaged, "first": total.first,
        }  # fmt: skip

    return run.until(1_200, step, facts)


def damages(aside: Path, run: Run) -> Facts:
    """One bit, one page, the end or the whole of a file changed."""
    shop = damaging.make_shop(aside / "sound")
    truth = damaging.truth_of(shop, aside)
    total = damaging.Damaged()

    def step(done: int) -> int:
        made = damaging.many(shop, truth, aside, 10, seed=done + 1)
        total.add(made)
        return made.tried  # a damage that changes nothing is none

    def facts() -> Facts:
        return {"tried": total.tried, **total.ended, "list": total.wrong[:20]}

    return run.until(2_000, step, facts)


def saved(aside: Path, run: Run) -> Facts:
    """Backups while the shop is written, each restored."""
    total = backing_up.BackedUp()

    def step(done: int) -> int:
        with tempfile.TemporaryDirectory(dir=aside, prefix=f"backups-{done}-") as folder:
            total.add(backing_up.under_load(Path(folder), 10))
        return 10

    def facts() -> Facts:
        return {
            "runs": total.backups, "acknowledged": total.acknowledged * 9, "lost": total.found.lost,
            "doubled": total.found.doubled, "halves": total.found.halves, "sick": total.sick,
            "meanwhile": total.meanwhile * 9, "seconds_p99": p99(total.seconds),
        }  # fmt: skip

    return run.until(500, step, facts)


def too_much(aside: Path, run: Run) -> Facts:
    """Three times what the server can take, open loop."""
    return overload.run(aside / "overload", seconds=min(60.0, run.seconds / 3))


def imports(aside: Path, run: Run) -> Facts:
    """Imports killed at their places and at random, on both engines: of four kills one on Spark, which is slow."""
    files, turns = bringing.make_files(aside / "files"), count()
    truth = {engine: bringing.made(aside, files, engine) for engine in bringing.ENGINES}
    total = {engine: bringing.Brought() for engine in bringing.ENGINES}

    def step(done: int) -> int:  # noqa: ARG001  # which turn it is counts
        turn = next(turns)
        engine = "spark" if turn % 4 == 3 else "duckdb"
        place = bringing.PLACES[turn // 4 % len(bringing.PLACES)]
        with tempfile.TemporaryDirectory(dir=aside) as folder:
            known, seconds = truth[engine]
            if turn % 2:
                killed = bringing.at_places(Path(folder), files, engine, known, [place])
            else:
                killed = bringing.at_random(Path(folder), files, engine, known, 1, turn, max(seconds, 3.0))
        total[engine].add(killed)
        return 1 - len(killed.missed)

    def facts() -> Facts:
        return {
            "kills": {engine: its.kills - len(its.missed) for engine, its in total.items()},
            "rows": sum(its.rows for its in total.values()),
            "late": sum(len(its.missed) for its in total.values()),
            "wrong": [one for its in total.values() for one in its.wrong],
        }

    return run.until(100, step, facts)


def mutations(aside: Path, run: Run) -> Facts:  # noqa: ARG001  # as many as the tests make, however long
    """Bad input: the long tests of the corpus, in a process of their own; what they say they tried, and what failed."""
    report = aside / "report.xml"
    words = ["-q", "-m", "slow", "-p", "no:cacheprovider", "-o", "junit_family=xunit1", f"--junitxml={report}"]
    words = [sys.executable, "-m", "pytest", *words, str(ROOT / "tests" / "corpus")]
    subprocess.run(words, cwd=ROOT, check=False)  # noqa: S603  # words of our own
    found: Facts = {"tests": 0, **dict.fromkeys(MUTATED, 0), "failed": []}
    for case in Xml.parse(report).iter("testcase"):  # noqa: S314  # written by the line above
        found["tests"] += 1
        if any(part.tag in ("failure", "error", "skipped") for part in case):
            found["failed"].append(case.get("name"))
        for told in case.iter("property"):
            found[told.attrib["name"]] += int(told.attrib["value"])
    return found


def lives(aside: Path, run: Run) -> Facts:  # noqa: ARG001  # a machine has places of its own
    """Shops to which anything happens in any order, against a model of each."""
    total, turns = machine.Lived(), count(1)

    def step(done: int) -> int:  # noqa: ARG001  # lives are counted by the machine
        lived = machine.live(10, 40, of=next(turns))
        total.lives += lived.lives
        total.steps += lived.steps
        return lived.lives

    return run.until(200, step, lambda: {"lives": total.lives, "steps": total.steps})


def soak(aside: Path, run: Run) -> Facts:
    """A shop that does everything for as long as there is time, alone, and beside it one on engines of its own. A first
    life takes most of the time, or all of it where that is short: what grows shows in one process."""
    life = run.seconds * (0.6 if run.seconds >= ONE_LIFE else 1.0)
    facts: Facts = {}

    def lived(name: str) -> None:
        (aside / name).mkdir()
        pace = soaking.Pace(life=life)
        facts[name] = soaking.run(aside / name, seconds=run.seconds, pace=pace, engines=name == "engines")
        run.tell(run.about(facts))

    with ThreadPoolExecutor(2) as shops:
        list(shops.map(lived, ("alone", "engines")))
    return facts


PARTS: dict[str, tuple[float, Callable[[Path, Run], Facts]]] = {
    "random_kills": (0.15, random_kills), "named_kills": (0.2, named_kills), "power_cuts": (0.2, power_cuts),
    "broken_servers": (0.1, broken_servers), "disk_faults": (0.12, disk_faults), "damages": (0.1, damages),
    "backups": (0.08, saved), "too_much": (0.05, too_much), "imports": (0.1, imports), "lives": (0.05, lives),
    "soak": (0.1, soak), "mutations": (0.0, mutations),
}  # fmt: skip
"""Each part with its share of the time."""

WORDS: dict[str, dict[str, str]] = tomllib.loads((ROOT / "tools" / "reliability.toml").read_text("utf-8"))


COUNTED = ("random_kills", "named_kills", "power_cuts", "disk_faults", "backups")
"""Parts whose rows count acknowledged events."""


def besides(name: str, facts: Facts, words: dict[str, str]) -> str:
    """What a row says besides its counts."""
    if name in ("random_kills", "named_kills"):
        key = "recovery" if facts["ready_p99"] else "opened"
        return words[key].format(recovery=facts["recovery_p99"], ready=facts["ready_p99"])
    if name == "power_cuts":
        opens = words["opens"].format(recovery=facts["recovery_p99"], before=facts["before_sync"])
        return opens + "; " + words["cut_modes"].format(**facts["cuts"])
    if name == "disk_faults":
        return words["faults"].format(runs=facts["runs"], refusals=facts["refusals"])
    if name == "backups":
        return words["restored"].format(**facts)
    raise KeyError(name)


def of_soak(facts: Facts, words: dict[str, str]) -> str:
    """What a soak did, and what it took of the machine when it was warm and at its end."""
    life = max(facts["lives"], key=lambda one: one["minutes"])
    whose = [name.removesuffix("rss") for name in life if name.endswith("rss")]
    grown = "; ".join(
        words["grown"].format(
            who=words["who_drain" if who else "who_server"],
            rss=" → ".join(f"{value:.0f}" for value in life[f"{who}rss"]),
            handles=" → ".join(f"{value:.0f}" for value in life[f"{who}handles"]),
            threads=" → ".join(f"{value:.0f}" for value in life[f"{who}threads"]), slope=life["slopes"][f"{who}rss"],
        )
        for who in whose
    )  # fmt: skip
    done = Counter(facts["done"])
    return words["soaked"].format(
        **{name.replace(" ", "_"): done[name] for name in (
            "batches", "recommendations", "console pages", "questions about a person", "erasures", "replays",
            "backups", "imports", "imports killed",
        )},
        failed=sum(facts["failed"].values()), minutes=life["minutes"], grown=grown,
        wal=max(life["journal.db-wal"]), left=len(facts["left"]),
    )  # fmt: skip


def of_run(run: Facts, words: dict[str, str]) -> str:
    """Of which software a part ran, when, in how long, beside how much else."""
    source = words["of_source"].format(**run) if run.get("source") else ""
    return source + words["of_run"].format(**run)


def rows(found: Facts, words: dict[str, str]) -> Iterator[tuple[str, str, Facts]]:
    """Every row: what, its cells between, and its run."""
    for name in COUNTED:
        if name not in found:
            continue
        facts, what = found[name], words[name]
        if name == "named_kills":
            each = list(facts["points"].values())
            what = what.format(points=len(each), least=min(each), most=max(each))
        often = facts.get("kills") or sum(facts.get("struck", {}).values()) or facts.get("runs")
        often = often or sum(facts.get("cuts", {}).values())
        counts = f"{often:,} | {facts['acknowledged']:,} | {facts['lost']:,} | {facts['doubled']:,}"
        yield what, f"{counts} | {besides(name, facts, words)}", facts["run"]
    if "damages" in found:
        facts = {"named": 0, "harmless": 0, "wrong": 0, **found["damages"]}
        yield words["damages"], f"{facts['tried']:,} | | | | {words['damaged'].format(**facts)}", facts["run"]
    if "imports" in found:
        facts, kills = found["imports"], found["imports"]["kills"]
        said = words["brought"].format(**kills, rows=facts["rows"], wrong=len(facts["wrong"]))
        yield words["imports"], f"{sum(kills.values()):,} | | | | {said}", facts["run"]
    if "mutations" in found:
        facts = {**found["mutations"], "failed": ", ".join(found["mutations"]["failed"]) or 0}
        said = words["mutated"].format(**facts)
        yield words["mutations"], f"{sum(facts[name] for name in TRIED):,} | | | | {said}", facts["run"]
    if "lives" in found:
        facts = found["lives"]
        yield words["lives"], f"{facts['lives']:,} | | 0 | 0 | {words['lived'].format(**facts)}", facts["run"]
    for name in ("alone", "engines"):
        if name in found.get("soak", {}):
            facts = found["soak"][name]
            minutes = sum(life["minutes"] for life in facts["lives"])
            counts = f"{minutes:.0f} min | {facts['events']:,} | {facts['lost']:,} | {facts['doubled']:,}"
            yield words[f"soak_{name}"], f"{counts} | {of_soak(facts, words)}", found["soak"]["run"]
    if "too_much" in found:
        facts = found["too_much"]
        counts = f"1 | {facts['events']:,} | {facts['lost']:,} | {facts['doubled']:,}"
        yield words["too_much"], f"{counts} | {words['load'].format(**facts)}", facts["run"]


def table(found: Facts, words: dict[str, str]) -> str:
    """The counts as Markdown."""
    about = {**next(facts["run"] for facts in found.values()), "source": SOURCE}
    lines = [words["run"].format(**about), "", words["head"]]
    lines += ["|---|---|---|---|---|---|---|"]
    lines += [f"| {what} | {cells} | {of_run(run, words)} |" for what, cells, run in rows(found, words)]
    if "broken_servers" in found:
        facts = {name: one for name, one in found["broken_servers"].items() if name != "run"}
        lines += ["", words["broken"], "|---|---|---|"]
        lines += [f"| {name} | {one['cuts']} | {one['failed']} |" for name, one in facts.items()]
    return "\n".join(lines)


def write(found: Facts) -> None:
    """Put the counts between the marks of both pages."""
    for lang, words in WORDS.items():
        page = DOCS / lang / "reliability.md"
        marked = re.compile(r"(?<=<!-- counts -->\n)(.*?)(?=<!-- end -->)", re.DOTALL)
        before, _, after = marked.split(page.read_text("utf-8"))
        page.write_text(f"{before}{table(found, words)}\n{after}", "utf-8")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=60.0)
    options.add_argument("--only", nargs="*", default=list(PARTS), choices=list(PARTS))
    options.add_argument("--json", type=Path, default=DOCS / "reliability.json", help="where the counts are kept")
    options.add_argument("--no-write", action="store_true")
    chosen = options.parse_args()
    found: Facts = json.loads(chosen.json.read_text("utf-8")) if chosen.json.exists() else {}
    for name in chosen.only:
        share, part = PARTS[name]

        def tell(facts: Facts, name: str = name) -> None:
            found[name] = facts
            chosen.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")

        run = Run(seconds=share * chosen.minutes * 60, tell=tell)
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None, prefix="reliability-") as aside:
            tell(run.about(part(Path(aside), run)))
        print(name, json.dumps(found[name]), flush=True)  # noqa: T201  # a tool that is watched
    if not chosen.no_write:
        write(found)


if __name__ == "__main__":
    main()
