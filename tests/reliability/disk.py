"""A disk as a power cut leaves it, made from a trace: only what was synced is sure to be there.

The model is the strictest that POSIX allows: a file's bytes are durable once an fsync or fdatasync of that file began
after the write ended and returned without an error; a new, renamed or removed name is durable once its folder was
synced in the same way. Of everything else, nothing is there (``drop``), or any of it (``subset``), or also the
beginning of a write up to a multiple of 512 bytes (``torn``). Names in one folder come to the disk in their order, as
on a file system with a log. Where a sync failed, what it should have written is gone for good, as on Linux, whatever a
later sync says.
Source: Pillai et al. 2014, "All File Systems Are Not Created Equal" (OSDI); Rebello et al. 2020, "Can Applications
Recover from fsync Failures?" (ATC).
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from tracing import Call

Mode = Literal["drop", "subset", "torn"]
MODES: tuple[Mode, ...] = ("drop", "subset", "torn")
_SECTOR = 512
_WRITES = frozenset({"write", "pwrite64"})
_SYNCS = frozenset({"fsync", "fdatasync"})
_UNKNOWN = frozenset({"writev", "pwritev", "pwritev2", "copy_file_range", "sendfile", "fallocate", "truncate", "creat"})
_NEVER = 10**12


@dataclass(slots=True, eq=False)
class Change:
    """Something done to a file's bytes or a folder's names, and the place in the trace from which it is durable."""

    start: int
    end: int
    durable: int = _NEVER
    lost: bool = False


@dataclass(slots=True, eq=False)
class Bytes(Change):
    """Bytes written at a place; without bytes: the file was cut to that length."""

    at: int = 0
    data: bytes | None = None


@dataclass(slots=True, eq=False)
class Names(Change):
    """Names that come (with their node) and go (None) in one folder."""

    names: dict[str, "Node | None"] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Node:
    """A file or a folder. ``now`` is a folder as the process sees it."""

    folder: bool = False
    base: bytes = b""
    children: dict[str, "Node"] = field(default_factory=dict)
    now: dict[str, "Node"] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    waiting: list[Change] = field(default_factory=list)
    """Changes that no sync has covered yet."""
    size: int = 0


def of_folder(path: Path) -> Node:
    """A tree on disk, all of it durable."""
    if path.is_dir():
        children = {child.name: of_folder(child) for child in sorted(path.iterdir())}
        return Node(folder=True, children=children, now=dict(children))
    data = path.read_bytes()
    return Node(base=data, size=len(data))


class Disk:
    """Everything that a trace did to one folder. ``root`` is where the traced process saw it."""

    def __init__(self, base: Path, root: Path, calls: Iterable[Call]) -> None:
        self.root = PurePosixPath(root)
        self.top = of_folder(base)
        self._places: dict[int, int] = {}
        for call in calls:
            self._take(call)

    def _take(self, call: Call) -> None:
        if call.name == "lseek":
            self._places[call.handle] = max(call.result, 0)
        if call.name in _UNKNOWN and any(self._inside(path) for path in self._paths(call)):
            raise AssertionError(f"the disk does not know what {call.name} does")
        if call.name == "mmap" and "MAP_SHARED" in call.words and "PROT_WRITE" in call.words:
            assert not any(self._inside(path) and not path.endswith("-shm") for path in call.paths), call
        if call.name in _SYNCS:
            self._sync(call)
        if call.result < 0:
            return
        if call.name == "openat":
            self._open(call)
        elif call.name in _WRITES or call.name == "ftruncate":
            self._write(call)
        elif call.name.startswith(("rename", "link", "unlink", "mkdir", "rmdir")):
            self._name(call)

    def _inside(self, path: str) -> bool:
        return PurePosixPath(path).is_relative_to(self.root)

    @staticmethod
    def _paths(call: Call) -> list[str]:
        return [*call.paths, *(text.decode("utf-8", "replace") for text in call.texts)]

    def _find(self, path: str) -> Node | None:
        """What stands under a path as the process sees it now."""
        if not self._inside(path):
            return None
        node = self.top
        for part in PurePosixPath(path).relative_to(self.root).parts:
            if part not in node.now:
                return None
            node = node.now[part]
        return node

    def _parent(self, path: str) -> tuple[Node, str]:
        pure = PurePosixPath(path)
        node = self._find(str(pure.parent))
        assert node is not None, path
        return node, pure.name

    def _open(self, call: Call) -> None:
        self._places[call.result] = 0
        path = call.paths[-1]
        if not self._inside(path) or path == str(self.root):
            return
        node = self._find(path)
        if node is None:
            assert "O_CREAT" in call.words, call
            node = Node()
            parent, name = self._parent(path)
            self._put(parent, call, {name: node})
        elif "O_TRUNC" in call.words:
            self._change(node, Bytes(start=call.start, end=call.end, at=0))
        if "O_APPEND" in call.words:
            self._places[call.result] = node.size

    def _write(self, call: Call) -> None:
        node = self._find(call.paths[0]) if call.paths else None
        if node is None or node.folder:
            return
        if call.name == "ftruncate":
            self._change(node, Bytes(start=call.start, end=call.end, at=call.numbers[-1]))
            return
        at = call.numbers[-1] if call.name == "pwrite64" else self._places.get(call.handle, 0)
        data = call.texts[0][: call.result]
        if call.name == "write":
            self._places[call.handle] = at + len(data)
        self._change(node, Bytes(start=call.start, end=call.end, at=at, data=data))

    def _change(self, node: Node, change: Bytes) -> None:
        node.size = change.at if change.data is None else max(node.size, change.at + len(change.data))
        node.changes.append(change)
        node.waiting.append(change)

    def _name(self, call: Call) -> None:
        texts = [text.decode() for text in call.texts]
        if not texts or not any(self._inside(text) for text in texts):
            return
        if call.name.startswith("mkdir"):
            parent, name = self._parent(texts[0])
            self._put(parent, call, {name: Node(folder=True)})
        elif call.name.startswith(("unlink", "rmdir")):
            parent, name = self._parent(texts[0])
            self._put(parent, call, {name: None})
        else:
            self._move(call, texts[0], texts[1])

    def _move(self, call: Call, source: str, target: str) -> None:
        (old, name), (new, name_there) = self._parent(source), self._parent(target)
        node = old.now[name]
        gone = call.name.startswith("rename")
        if old is new:
            self._put(new, call, {**({name: None} if gone else {}), name_there: node})
        else:
            self._put(new, call, {name_there: node})
            if gone:
                self._put(old, call, {name: None})

    def _put(self, parent: Node, call: Call, names: dict[str, Node | None]) -> None:
        for name, node in names.items():
            if node is None:
                parent.now.pop(name, None)
            else:
                parent.now[name] = node
        change = Names(start=call.start, end=call.end, names=names)
        parent.changes.append(change)
        parent.waiting.append(change)

    def _sync(self, call: Call) -> None:
        node = self._find(call.paths[0]) if call.paths else None
        if node is None:
            return
        covered = [change for change in node.waiting if change.end < call.start]
        node.waiting = [change for change in node.waiting if change.end >= call.start]
        for change in covered:
            if call.result == 0:
                change.durable = call.end
            else:
                change.lost = True

    def after_cut(self, at: int, mode: Mode, rng: random.Random, target: Path) -> None:
        """Write what is on the disk when the power went at a place of the trace."""
        self._lay(self.top, at, mode, rng, target, {})

    def _lay(self, node: Node, at: int, mode: Mode, rng: random.Random, target: Path, laid: dict[int, Path]) -> None:
        if not node.folder:
            if id(node) in laid:  # one file under two names: what is written to one is written to the other
                target.hardlink_to(laid[id(node)])
                return
            laid[id(node)] = target
            target.write_bytes(_content(node, at, mode, rng))
            return
        target.mkdir(exist_ok=True)
        for name, child in _names(node, at, mode, rng).items():
            if not name.endswith("-shm"):
                self._lay(child, at, mode, rng, target / name, laid)


def _names(node: Node, at: int, mode: Mode, rng: random.Random) -> dict[str, Node]:
    found = dict(node.children)
    begun = [change for change in node.changes if isinstance(change, Names) and change.start < at]
    open_ones = [change for change in begun if change.durable >= at]
    lucky = 0 if mode == "drop" else rng.randint(0, len(open_ones))
    there = set(map(id, open_ones[:lucky]))
    for change in begun:
        if change.durable < at or (id(change) in there and not change.lost):
            for name, child in change.names.items():
                if child is None:
                    found.pop(name, None)
                else:
                    found[name] = child
    return found


def _content(node: Node, at: int, mode: Mode, rng: random.Random) -> bytes:
    data = bytearray(node.base)
    for change in node.changes:
        if not isinstance(change, Bytes) or change.start >= at:
            continue
        written = change.data
        if change.durable >= at:
            if mode == "drop" or change.lost or rng.random() < 0.5:
                continue
            if mode == "torn" and written is not None:
                written = written[: _SECTOR * rng.randint(0, (len(written) + _SECTOR - 1) // _SECTOR)]
        _apply(data, change.at, written)
    return bytes(data)


def _apply(data: bytearray, at: int, written: bytes | None) -> None:
    if len(data) < at:
        data.extend(bytes(at - len(data)))
    if written is None:
        del data[at:]
    else:
        data[at : at + len(written)] = written


def unsynced_names(disk: Disk, until: int) -> Sequence[str]:
    """Names that came into a folder and were never synced there although the process worked on until ``until``."""
    found: list[str] = []
    _gather(disk.top, until, "", found)
    return found


def _gather(node: Node, until: int, path: str, found: list[str]) -> None:
    for change in node.changes:
        if isinstance(change, Names) and change.end < until and change.durable == _NEVER:
            there = [name for name, child in change.names.items() if child is not None and child is node.now.get(name)]
            found += [f"{path}/{name}" for name in there]
    for name, child in node.now.items():
        if child.folder:
            _gather(child, until, f"{path}/{name}", found)
