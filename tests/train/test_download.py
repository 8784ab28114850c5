from __future__ import annotations

import hashlib
import http.server
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

from convert.errors import SpecError, UserError
from tests.train.speech_files import word_like
from train import download
from train.datasets import ArabicCommandsSource, FsddSource, load
from train.download import Archive, fetch, obtain
from train.sources.base import Context
from train.unpack import unpack

FAST = (0.01, 0.01)


class Server(http.server.ThreadingHTTPServer):
    """Serves `content` at every path, as badly as a test asks for."""

    content = b""
    ranges = True
    etag = '"one"'
    status = 200
    wrong_range = False
    lie_about_length = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.cuts: list[int] = []  # bytes after which the next answers break off
        self.seen: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/set.zip"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server, data, start = self.server, self.server.content, 0
        asked = self.headers.get("Range", "")
        server.seen.append(asked)
        if server.status != 200:
            self.send_error(server.status)
            return
        same = self.headers.get("If-Range", server.etag) == server.etag
        if asked and server.ranges and same:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(data):
                self.send_error(416)
                return
            self.send_response(206)
            told = 0 if server.wrong_range else start
            self.send_header("Content-Range", f"bytes {told}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        self.send_header("ETag", server.etag)
        if not server.lie_about_length:
            self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        end = start + server.cuts.pop(0) if server.cuts else len(data)
        self.wfile.write(data[start:end])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    made.content = bytes(range(256)) * 4000
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WAKESMITH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    return tmp_path / "cache"


def test_whole(server: Server, tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    fetch(server.url, tmp_path / "a", size=len(server.content), progress=lambda *a: told.append(a))
    assert (tmp_path / "a").read_bytes() == server.content
    assert told[-1][:2] == (1000, 1000)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a"]


def test_truncated_transfers_are_resumed(server: Server, tmp_path: Path) -> None:
    server.cuts = [300_000, 1000, 0]
    fetch(server.url, tmp_path / "a", pauses=FAST)
    assert (tmp_path / "a").read_bytes() == server.content
    assert server.seen == ["", "bytes=300000-", "bytes=301000-", "bytes=301000-"]


def test_resumed_by_the_next_run(server: Server, tmp_path: Path) -> None:
    server.cuts = [300_000, 0, 0, 0]
    with pytest.raises(UserError, match=r"must be reachable.*300000 of 1024000 bytes.*synthetic"):
        fetch(server.url, tmp_path / "a", pauses=FAST)
    assert not (tmp_path / "a").exists() and (tmp_path / "a.part").stat().st_size == 300_000
    fetch(server.url, tmp_path / "a", pauses=FAST)
    assert (tmp_path / "a").read_bytes() == server.content
    assert server.seen[-1] == "bytes=300000-"


def test_server_that_ignores_ranges(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    server.cuts = [300_000]
    fetch(server.url, tmp_path / "a", pauses=FAST)
    assert (tmp_path / "a").read_bytes() == server.content


def test_server_that_answers_another_range(server: Server, tmp_path: Path) -> None:
    server.wrong_range = True
    server.cuts = [300_000]
    fetch(server.url, tmp_path / "a", pauses=FAST)
    assert (tmp_path / "a").read_bytes() == server.content


def test_parts_of_two_versions_are_not_joined(server: Server, tmp_path: Path) -> None:
    server.cuts = [300_000, 0, 0, 0]
    with pytest.raises(UserError):
        fetch(server.url, tmp_path / "a", pauses=FAST)
    server.content, server.etag = b"new" * 300_000, '"two"'
    fetch(server.url, tmp_path / "a", pauses=FAST)
    assert (tmp_path / "a").read_bytes() == server.content


def test_part_longer_than_the_file(server: Server, tmp_path: Path) -> None:
    server.cuts = [300_000, 0, 0, 0]
    with pytest.raises(UserError):
        fetch(server.url, tmp_path / "a", pauses=FAST)
    server.content = b"x" * 1000
    fetch(server.url, tmp_path / "a", pauses=FAST)
    assert (tmp_path / "a").read_bytes() == server.content


def test_sizes_are_checked(server: Server, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"must have 5 bytes\. Received: 1024000"):
        fetch(server.url, tmp_path / "a", size=5)
    with pytest.raises(UserError, match="at most 1000 bytes"):
        fetch(server.url, tmp_path / "a", max_bytes=1000)
    server.lie_about_length = True
    with pytest.raises(UserError, match="at most 1000 bytes"):
        fetch(server.url, tmp_path / "b", max_bytes=1000)


def test_no_network_names_the_other_sources(server: Server, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"reachable.*kind synthetic, folder or index"):
        fetch("http://127.0.0.1:9/x", tmp_path / "a", pauses=FAST)
    with pytest.raises(UserError, match=r"nowhere.invalid must be reachable"):
        fetch("http://nowhere.invalid/x", tmp_path / "a", pauses=(0.0,))
    server.status = 404
    with pytest.raises(UserError, match=r"HTTP 404.*kind synthetic"):
        fetch(server.url, tmp_path / "a")
    assert len(server.seen) == 1
    server.status = 503
    with pytest.raises(UserError, match=r"503"):
        fetch(server.url, tmp_path / "a", pauses=FAST)
    assert len(server.seen) == 4
    with pytest.raises(SpecError, match="http"):
        fetch("file:///etc/passwd", tmp_path / "a")


def test_full_disk(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="must be writable"):
        fetch(server.url, tmp_path / "file" / "a")
    monkeypatch.setenv("WAKESMITH_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(UserError, match=r"must be writable.*WAKESMITH_CACHE"):
        load([FsddSource(url=server.url)], ("zero", "one"))


def digits() -> bytes:
    """An archive laid out as FSDD's."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for digit in (0, 1):
            for speaker in ("ann", "bob", "cy"):
                clip = io.BytesIO()
                soundfile.write(clip, word_like(digit, rate=8000), 8000, format="WAV")
                name = f"free-spoken-digit-dataset-1.0.10/recordings/{digit}_{speaker}_0.wav"
                file.writestr(name, clip.getvalue())
    return packed.getvalue()


def test_a_public_set_from_a_mirror(server: Server, cache: Path) -> None:
    server.content = digits()
    total = hashlib.sha256(server.content).hexdigest()
    source = FsddSource(url=server.url, sha256=total, test_speakers=("cy",))
    data = load([source], ("zero", "one"))
    assert data.counts()["train"] == {"zero": 2, "one": 2}
    assert len(server.seen) == 1
    load([source], ("zero", "one"))
    assert len(server.seen) == 1, "the cache is used"
    assert not list((cache / "downloads").glob("*.zip")), "the packed archive is not kept"


def test_a_corrupted_archive_is_refused_and_not_kept(server: Server, cache: Path) -> None:
    good = digits()
    server.content = good[:500] + bytes([good[500] ^ 1]) + good[501:]
    source = FsddSource(url=server.url, sha256=hashlib.sha256(good).hexdigest(), assign="train")
    with pytest.raises(UserError, match=r"must have sha256 .*damaged on the way"):
        load([source], ("zero", "one"))
    assert not any((cache / "datasets").glob("*")) if (cache / "datasets").exists() else True
    server.content = good
    assert len(load([source], ("zero", "one"))) == 6


def test_trust_on_first_use_is_said_aloud(server: Server) -> None:
    server.content = digits()
    total = hashlib.sha256(server.content).hexdigest()
    with pytest.raises(UserError, match=rf'publishes none.*add sha256 = "{total}"'):
        load([ArabicCommandsSource(url=server.url)], ("zero", "one"))
    confirmed = ArabicCommandsSource(url=server.url, sha256=total)
    assert obtain(download.ARABIC_COMMANDS, confirmed, Context(("zero", "one"))).is_dir()
    assert len(server.seen) == 1, "nothing is fetched twice"


def test_an_archive_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "mine.zip").write_bytes(digits())
    with pytest.raises(UserError, match="must have sha256 c680098f"):
        load([FsddSource(path="mine.zip")], ("zero", "one"), base=tmp_path)
    total = hashlib.sha256(digits()).hexdigest()
    given = FsddSource(path="mine.zip", sha256=total, assign="train")
    assert len(load([given], ("zero", "one"), base=tmp_path)) == 6
    with pytest.raises(SpecError, match="folder or an archive"):
        load([FsddSource(path="none.zip")], ("zero", "one"), base=tmp_path)


def test_pins_are_checksums() -> None:
    for archive in (download.FSDD, download.SPEECH_COMMANDS, download.ARABIC_COMMANDS):
        assert isinstance(archive, Archive) and archive.url.startswith("https://")
        FsddSource(path="fsdd", sha256=archive.sha256)


def tar(path: Path, *entries: tuple[str, bytes, bytes]) -> Path:
    """Entries of name, type and content or link target."""
    with tarfile.open(path, "w:gz") as file:
        for name, kind, content in entries:
            info = tarfile.TarInfo(name)
            info.type = kind
            if kind == tarfile.REGTYPE:
                info.size = len(content)
                file.addfile(info, io.BytesIO(content))
            else:
                info.linkname = content.decode()
                file.addfile(info)
    return path


REG, LINK, SYM, DEV, DIR = (
    tarfile.REGTYPE,
    tarfile.LNKTYPE,
    tarfile.SYMTYPE,
    tarfile.CHRTYPE,
    tarfile.DIRTYPE,
)


def test_unpack_plain(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    made = tar(
        tmp_path / "a.tar.gz", ("./", DIR, b""), ("./a/b.txt", REG, b"hello"), ("c", DIR, b"")
    )
    unpack(made, tmp_path / "out", max_bytes=100)
    assert (tmp_path / "out" / "a" / "b.txt").read_bytes() == b"hello"


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([("../evil", REG, b"x")], "inside it"),
        ([("a/../../evil", REG, b"x")], "inside it"),
        ([("/evil", REG, b"x")], "inside it"),
        ([("C:\\evil", REG, b"x")], "inside it"),
        ([("a", SYM, b"/etc"), ("a/passwd", REG, b"x")], "plain files"),
        ([("a", LINK, b"/etc/passwd")], "plain files"),
        ([("a", DEV, b"")], "plain files"),
        ([("a", REG, b"x" * 2000)], "unpack to more"),
        ([("a", REG, b"x"), ("a", REG, b"y")], "each file once"),
        ([("a", REG, b"x"), ("a/b", REG, b"y")], "each file once"),
        ([(f"{i}", REG, b"") for i in range(30)], "too many files"),
    ],
)
def test_hostile_tars(tmp_path: Path, entries: list[tuple[str, bytes, bytes]], says: str) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match=says):
        unpack(tar(tmp_path / "a.tgz", *entries), tmp_path / "out", max_bytes=1000, max_files=20)
    assert not (tmp_path / "evil").exists()


def test_hostile_zips(tmp_path: Path) -> None:
    def packed(name: str, content: bytes, mode: int = 0) -> Path:
        path = tmp_path / "a.zip"
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr(info, content)
        return path

    (tmp_path / "out").mkdir()
    for name, content, mode, says in (
        ("../evil", b"x", 0, "inside it"),
        ("/evil", b"x", 0, "inside it"),
        ("link", b"/etc/passwd", 0o120777, "plain files"),
        ("bomb", b"\0" * 5_000_000, 0, "unpack to more"),
    ):
        with pytest.raises(UserError, match=says):
            unpack(packed(name, content, mode), tmp_path / "out", max_bytes=1000)
    assert not (tmp_path / "evil").exists()


def test_damaged_archives(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    whole = tar(tmp_path / "a.tgz", ("a", REG, bytes(range(256)) * 40)).read_bytes()
    for number, data in enumerate(
        (b"", b"junk" * 100, whole[:50], whole[: len(whole) // 2], digits()[:-30])
    ):
        path = tmp_path / "bad"
        path.write_bytes(data)
        out = tmp_path / f"out{number}"
        out.mkdir()
        with pytest.raises(UserError, match="must be whole and readable"):
            unpack(path, out, max_bytes=1 << 20)
