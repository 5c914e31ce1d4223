"""Fetching, from mirrors on this machine: a file is written whole and right, or not at all."""

from __future__ import annotations

import contextlib
import errno
import gzip
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from agentsim.batch.data import fetch as fetching
from agentsim.batch.data.catalogue import NAMES
from agentsim.batch.data.check import check, problem
from agentsim.batch.data.fetch import fetch
from agentsim.errors import UserError
from tests.agentsim.batch.data.small import (
    GZIPPED,
    PAGE,
    PLAIN,
    Answer,
    entry,
    everything,
    mirror,
    put,
    sends,
    stalls,
)

IMAGES = f"{NAMES[0]}.gz"


def contents(folder: Path) -> dict[str, bytes]:
    """All that is in a folder, hidden files too."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def good() -> Iterator[str]:
    with mirror(everything) as address:
        yield address


def test_what_is_fetched_is_what_the_mirror_has(cache: Path, good: str) -> None:
    assert fetch(entry(good)) == cache / "mnist" and contents(cache / "mnist") == GZIPPED
    Path("mine").mkdir()
    assert fetch(entry(good), Path("mine")) == Path("mine/mnist") and contents(Path("mine/mnist")) == GZIPPED


def test_what_is_here_and_whole_is_not_fetched(cache: Path) -> None:
    put(Path("data/MNIST/raw"), PLAIN)
    assert fetch(entry("http://127.0.0.1:1/")) == Path("data/MNIST/raw") and not cache.exists()


@pytest.mark.parametrize("bad", [PLAIN[NAMES[0]][:-1], b""])
def test_only_what_is_missing_or_damaged_is_fetched(cache: Path, bad: bytes) -> None:
    """A gzipped file comes beside the unpacked one that is damaged, and is read in its place."""
    asked: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        everything(handler)

    put(cache / "mnist", GZIPPED | {NAMES[0]: bad})
    (cache / "mnist" / IMAGES).unlink()
    (cache / "mnist" / f"{NAMES[3]}.gz").unlink()
    with mirror(answer) as address:
        fetch(entry(address))
    assert asked == [f"/data/{IMAGES}", f"/data/{NAMES[3]}.gz"] and not problem(entry(), check(entry()))


ANEW = gzip.compress(PLAIN[NAMES[0]], 1, mtime=8)  # right, but not what was published
FAILING: dict[str, tuple[Answer, str]] = {
    "no such page": (sends(PAGE, 404), r"failed \(HTTPError: HTTP Error 404: Not Found\)"),
    "a web page": (sends(PAGE), "sent is a web page, not data"),
    "cut off": (sends(GZIPPED[IMAGES][:50], length=len(GZIPPED[IMAGES])), "sent is truncated: 50 of "),
    "truncated": (sends(GZIPPED[IMAGES][:50]), "sent has another checksum"),
    "wrong bytes": (sends(ANEW), "sent has another checksum"),
    "nothing": (sends(b""), "sent has another checksum"),
    "no answer": (lambda handler: handler.connection.close(), r"failed \("),
    "no HTTP": (lambda handler: handler.wfile.write(b"hello\r\n\r\n"), r"failed \(BadStatusLine: hello"),
}


@pytest.mark.parametrize("why", FAILING)
def test_the_second_mirror_is_asked_where_the_first_fails(cache: Path, good: str, why: str) -> None:
    answer, words = FAILING[why]
    with mirror(answer) as bad:
        fetch(entry(bad, good))
        assert contents(cache / "mnist") == GZIPPED
        Path("other").mkdir()
        with pytest.raises(UserError, match=words) as refused:
            fetch(entry(bad), Path("other"))
    assert contents(Path("other/mnist")) == {} and "\n" not in str(refused.value)


def test_a_mirror_that_stalls_is_given_up(cache: Path, good: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "PATIENCE", 0.2)
    with ExitStack() as stack:
        slow = stack.enter_context(mirror(stack.enter_context(stalls(threading.Event()))))
        fetch(entry(slow, good))
    assert contents(cache / "mnist") == GZIPPED


def test_a_mirror_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a hundred million bytes few are taken beyond the limit: what lies between two processes."""
    monkeypatch.setattr(fetching, "LARGEST", 100_000)
    taken = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(1000):
                handler.wfile.write(bytes(100_000))
                taken.append(100_000)

    with mirror(answer) as endless, pytest.raises(UserError, match="sent has another checksum"):
        fetch(entry(endless))
    assert len(taken) < 500


def test_without_a_network_it_says_what_to_do(cache: Path) -> None:
    with pytest.raises(UserError) as refused:
        fetch(entry("http://127.0.0.1:1/first/", "http://127.0.0.1:1/second/"))
    said = str(refused.value)
    assert "http://127.0.0.1:1/second/ failed (URLError" in said and "AGENTSIM_DATA" in said
    assert f"download {', '.join(GZIPPED)} from http://127.0.0.1:1/first/ elsewhere" in said
    assert f"put them into {cache / 'mnist'}, or" in said and "\n" not in said and contents(cache / "mnist") == {}


@pytest.mark.parametrize(
    ("kind", "words"),
    [("gz_sha256", "another checksum"), ("gz_md5", "another checksum"), ("md5", "the md5 .* not 0:")],
)
def test_every_digest_that_is_known_must_fit(cache: Path, good: str, kind: str, words: str) -> None:
    right = entry(good)
    wrong = replace(right, files=(replace(right.files[0], **{kind: "0"}), *right.files[1:]))
    with pytest.raises(UserError, match=f"sent has {words}"):
        fetch(wrong)
    assert contents(cache / "mnist") == {}


def test_fashion_is_fetched_too(cache: Path, good: str) -> None:
    assert fetch(entry(good, sealed=False)) == cache / "fashion-mnist" and contents(cache / "fashion-mnist") == GZIPPED


def test_a_full_disk_keeps_no_part(cache: Path, good: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", raises(OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(UserError, match=r"cannot be written to \(No space left on device\); name a folder"):
        fetch(entry(good))
    assert contents(cache / "mnist") == {}


def test_an_interrupt_while_it_is_written_keeps_no_part(
    cache: Path, good: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", raises(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        fetch(entry(good))
    assert contents(cache / "mnist") == {}


@pytest.mark.parametrize("why", ["a file is in its place", "read only"])
def test_a_cache_that_cannot_be_written_is_said_before_anything_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    if why == "read only":  # but not to root, who may run the tests
        monkeypatch.setattr(tempfile, "TemporaryFile", raises(OSError(errno.EROFS, "Read-only file system")))
    else:
        (tmp_path / "cache").write_text("a file")
    with pytest.raises(UserError, match=r"cannot be written to \(.*\); name a folder that can be with --data-dir"):
        fetch(entry("http://127.0.0.1:1/"))


def raises(error: BaseException) -> object:
    def function(*_: object, **__: object) -> None:
        raise error

    return function
