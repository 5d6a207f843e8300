"""Laws of room and rest: whatever disk is full and whatever happens to a training, events are taken or refused with a
sentence, answers go on, and everything resumes by itself."""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import deeds
import httpx
import pytest
from batches import events, look
from running import Server, secret_key, serving

from shopkeeper.data.model_store import ModelStore
from shopkeeper.settings import FILE

BATCHES = 12
TRAIN = [sys.executable, "-m", "shopkeeper.apps.cli.main", "train", "--no-evaluate", "--shop"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = deeds.make_shop(tmp_path_factory.mktemp("room") / "shop", trained=2)
    with (folder / FILE).open("a", encoding="utf-8") as settings:
        settings.write("\n[serve]\ndrain_seconds = 0.1\n")
    return folder


@pytest.fixture
def shop(trained: Path, quick_path: Path) -> Path:
    return Path(shutil.copytree(trained, quick_path / "shop"))


@contextlib.contextmanager
def small_disk(folder: Path, room: int) -> Iterator[Path]:
    """A disk of its own under a folder, with its content and so many bytes of room."""
    content = folder.with_name(folder.name + "-content")
    folder.rename(content)
    folder.mkdir()
    used = sum(path.stat().st_size + 4096 for path in content.rglob("*"))
    words = ["mount", "-t", "tmpfs", "-o", f"size={used + room}", "tmpfs", str(folder)]
    mounted = subprocess.run(words, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a disk of its own needs root: {mounted.stderr.decode().strip()}")
    try:
        shutil.copytree(content, folder, dirs_exist_ok=True)
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _fill(folder: Path) -> Path:
    filler = folder / "filler"
    with contextlib.suppress(OSError), filler.open("wb") as file:
        while True:
            file.write(bytes(4096))
            file.flush()
    return filler


def _waiting(server: Server) -> int:
    text = server.client.get("/metrics").text
    return int(float(next(line for line in text.splitlines() if line.startswith("shopkeeper_journal_un")).split()[1]))


def _until_drained(server: Server) -> None:
    until = time.monotonic() + 60
    while _waiting(server) and time.monotonic() < until:
        time.sleep(0.05)
    assert _waiting(server) == 0


@pytest.mark.parametrize("name", ["lake", "models", "tmp"])
def test_a_full_disk_under_one_folder_stops_only_what_needs_it(name: str, shop: Path) -> None:
    """While the lake, the models or the temporary files have no room, events are acknowledged (the journal has some)
    and every answer is 200; given room, the same server moves them into the lake; nothing is lost or doubled."""
    key = secret_key(shop)
    with small_disk(shop / name, 400_000) as disk:
        with serving(shop, key) as server:
            filler = _fill(disk)
            for batch in range(BATCHES):
                assert server.post(events(batch)).status_code == 200
                assert server.recommendations(placement="home", customer="k1")["items"]
            if name == "models":
                said = subprocess.run([*TRAIN, str(shop)], capture_output=True, text=True, check=False)
                assert (said.returncode, "Traceback" in said.stderr) == (75, False), said.stderr
            filler.unlink()
            _until_drained(server)
            assert server.recommendations(placement="home", customer="k1")["items"]
            server.kill()
        assert look(shop, range(BATCHES)).clean


def test_a_limit_on_the_size_of_files_stops_a_training_with_a_sentence(shop: Path) -> None:
    """RLIMIT_FSIZE for the models: the training ends with one sentence, the version that answers is the one before,
    nothing half stands among the versions, and without the limit it succeeds."""
    store = ModelStore(shop / "models")
    before = store.current()

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, resource.RLIM_INFINITY))

    said = subprocess.run([*TRAIN, str(shop)], capture_output=True, text=True, preexec_fn=limited, check=False)
    assert (said.returncode, "Traceback" in said.stderr) == (75, False), said.stderr
    assert store.current() == before
    assert all(store.load(version) for version in store.versions())
    assert subprocess.run([*TRAIN, str(shop)], capture_output=True, check=False).returncode == 0
    assert store.current() != before


def test_whatever_happens_to_a_training_every_answer_is_given(shop: Path) -> None:
    """Killed, stopped for a while, out of memory: meanwhile no recommendation fails, and the version stays until a
    training has ended well."""
    key, store = secret_key(shop), ModelStore(shop / "models")
    with serving(shop, key) as server:
        stop, statuses = threading.Event(), []

        def ask() -> None:
            with httpx.Client(headers=server.client.headers, timeout=30) as client:
                while not stop.is_set():
                    address = f"http://127.0.0.1:{server.port}/v1/recommendations?placement=home&customer=k2"
                    statuses.append(client.get(address).status_code)

        asking = threading.Thread(target=ask)
        asking.start()
        before = store.current()
        for harm in (_killed, _stopped_then_killed, _out_of_memory):
            harm(shop)
            assert store.current() == before, harm.__name__
        assert subprocess.run([*TRAIN, str(shop)], capture_output=True, check=False).returncode == 0
        stop.set()
        asking.join()
        assert store.current() != before
    assert set(statuses) == {200}
    assert len(statuses) > 20


def _training(shop: Path, **more: object) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([*TRAIN, str(shop)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)  # type: ignore[call-overload,no-any-return]


def _killed(shop: Path) -> None:
    process = _training(shop)
    time.sleep(0.5)
    process.kill()
    process.wait(timeout=60)


def _stopped_then_killed(shop: Path) -> None:
    process = _training(shop)
    time.sleep(0.5)
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(0.5)
    process.kill()
    process.wait(timeout=60)


def _out_of_memory(shop: Path) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (400_000_000, 400_000_000))

    assert _training(shop, preexec_fn=limited).wait(timeout=120) != 0


def test_a_damaged_new_version_is_refused_and_the_old_one_answers_on(shop: Path) -> None:
    """A version whose bytes are not those that were written becomes current while the server works: it says so, and
    goes on answering from the version before."""
    key, store = secret_key(shop), ModelStore(shop / "models")
    good = str(store.current())
    with serving(shop, key) as server:
        assert server.recommendations(placement="home", customer="k2")["items"]
        bad = "v99990101T000000000Z"
        shutil.copytree(shop / "models" / good, shop / "models" / bad)
        array = max((shop / "models" / bad).rglob("*.npy"), key=lambda path: path.stat().st_size)
        data = bytearray(array.read_bytes())
        data[-1] ^= 1
        array.write_bytes(bytes(data))
        store.make_current(bad)
        log, until = shop.parent / f"server-{server.port}.log", time.monotonic() + 30
        while "cannot answer" not in log.read_text() and time.monotonic() < until:
            assert server.recommendations(placement="home", customer="k2")["items"]
        assert bad in log.read_text()
        assert server.recommendations(placement="home", customer="k2")["items"]
