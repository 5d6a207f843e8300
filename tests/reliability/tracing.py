"""What a real process asked of the disk and sent to its clients, in order, from ``strace``."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

_CALLS = (
    "openat creat write pwrite64 writev pwritev pwritev2 fsync fdatasync ftruncate truncate rename renameat renameat2 "
    "link linkat unlink unlinkat mkdir mkdirat rmdir lseek sendto sendmsg copy_file_range sendfile mmap fallocate"
)
_WHOLE = re.compile(r"(\w+)\((.*)\)\s+= (-?\d+)(.*)$")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
_FD = re.compile(r"(-?\d+|AT_FDCWD)<([^>]*)>")
_HEX = re.compile(r"\\x([0-9a-f]{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call: ``start`` and ``end`` are places in the trace, between which it took effect or failed."""

    name: str
    start: int
    end: int
    result: int
    texts: tuple[bytes, ...]
    """Its quoted arguments: paths, or what is written."""
    paths: tuple[str, ...]
    """The paths of its descriptors, that of its result last."""
    handle: int
    numbers: tuple[int, ...]
    words: str
    """Its arguments as written, for flags."""

    def later(self, by: int) -> "Call":
        """The same in a trace that is put after another."""
        return replace(self, start=self.start + by, end=self.end + by)


def strace(log: Path, *, inject: str = "") -> list[str]:
    """The words before a command that is to be traced, with faults where wanted (``fdatasync:error=EIO:when=3``)."""
    quick = [] if "signal" in inject else ["--seccomp-bpf"]  # with it strace gives errors, but no signals
    faults = ["-e", f"inject={inject}"] if inject else []
    calls = f"trace={','.join(_CALLS.split())}"
    return ["strace", *quick, "-f", "-y", "-xx", "-s", "4000000", "-o", str(log), "-e", calls, *faults]


def read(log: Path) -> list[Call]:
    """Every call of a trace that ended, by its end."""
    return sorted(_calls(log), key=lambda call: call.end)


def _calls(log: Path) -> Iterator[Call]:
    begun: dict[str, tuple[int, str]] = {}
    with log.open("r", encoding="ascii", errors="replace") as lines:
        for number, line in enumerate(lines):
            process, _, rest = line.rstrip("\n").partition(" ")
            rest = rest.strip()
            if rest.endswith("<unfinished ...>"):
                begun[process] = (number, rest.removesuffix("<unfinished ...>").rstrip())
                continue
            start = number
            if rest.startswith("<... "):
                start, before = begun.pop(process, (number, ""))
                rest = before + rest.partition(" resumed>")[2]
            found = _WHOLE.match(rest)
            if found:
                yield _call(found, start, number)


def _call(found: re.Match[str], start: int, end: int) -> Call:
    words = found[2]
    texts = [_bytes(text[1]) for text in _TEXT.finditer(words)]
    assert not any(text[2] for text in _TEXT.finditer(words)), "a write was cut short in the trace"
    bare = _TEXT.sub("", words)
    handles = _FD.findall(bare)
    paths = tuple(_bytes(path).decode("utf-8", "replace") for _, path in [*handles, *_FD.findall("=" + found[4])])
    result_path = re.match(r"<([^>]*)>", found[4])
    if result_path:
        paths = (*paths, _bytes(result_path[1]).decode("utf-8", "replace"))
    numbers = tuple(int(number) for number in re.findall(r"(?<![\w<])(\d+)(?![\w<])", _FD.sub("", bare)))
    handle = int(handles[0][0]) if handles and handles[0][0] != "AT_FDCWD" else -1
    return Call(
        name=found[1], start=start, end=end, result=int(found[3]), texts=tuple(texts), paths=paths, handle=handle,
        numbers=numbers, words=bare,
    )  # fmt: skip


def _bytes(text: str) -> bytes:
    return bytes.fromhex("".join(_HEX.findall(text)))
