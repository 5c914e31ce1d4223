"""A data set of a few pixels, with digests of its own, and mirrors of it on this machine."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import struct
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agentsim.batch.data.catalogue import NAMES, Entry, File

SHAPES = ((5, 4, 3), (5,), (2, 4, 3), (2,))
ARRAYS = [np.random.default_rng(i).integers(0, 256, shape).astype(np.uint8) for i, shape in enumerate(SHAPES)]
PAGE = b"\n<!doctype html><html>Please log in</html>"

Answer = Callable[[BaseHTTPRequestHandler], None]


def packed(array: NDArray[np.uint8]) -> bytes:
    return struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


PLAIN = dict(zip(NAMES, map(packed, ARRAYS), strict=True))
GZIPPED = {f"{name}.gz": gzip.compress(data, mtime=7) for name, data in PLAIN.items()}


def entry(*mirrors: str, sealed: bool = True) -> Entry:
    """It as MNIST; not sealed, as Fashion-MNIST: nobody knows the digest of the unpacked bytes."""
    files = []
    for name, shape in zip(NAMES, SHAPES, strict=True):
        content = GZIPPED[f"{name}.gz"]
        known = {"md5": hashlib.md5(PLAIN[name]).hexdigest()} if sealed else {}
        published = {"gz_sha256": hashlib.sha256(content).hexdigest(), "gz_md5": hashlib.md5(content).hexdigest()}
        files.append(File(name, shape, **published, **known))
    names = ("mnist", "MNIST", "MNIST") if sealed else ("fashion-mnist", "Fashion-MNIST", "FashionMNIST")
    return Entry(*names, mirrors, tuple(files))


def put(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def sends(content: bytes, status: int = 200, length: int | None = None) -> Answer:
    """An answer: so many bytes, of so many promised."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(content) if length is None else length))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def everything(handler: BaseHTTPRequestHandler) -> None:
    """What a good mirror answers."""
    sends(GZIPPED[handler.path.rpartition("/")[2]])(handler)


@contextlib.contextmanager
def mirror(answer: Answer) -> Iterator[str]:
    """The address of a mirror that answers like this, on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/data/"
    finally:
        server.shutdown()
        thread.join()
        server.socket.close()  # and not server_close, which waits for answers that stall


@contextlib.contextmanager
def stalls(begun: threading.Event) -> Iterator[Answer]:
    """An answer that stops half way, until the block is left."""
    over = threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        content = GZIPPED[handler.path.rpartition("/")[2]]
        sends(content[:20], length=len(content))(handler)
        handler.wfile.flush()
        begun.set()
        over.wait(60)

    try:
        yield answer
    finally:
        over.set()
