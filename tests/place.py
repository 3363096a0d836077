"""A place on the network that has files, and cuts off answers; archives to put there."""

import gzip
import hashlib
import io
import tarfile
import threading
import zipfile
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from sr.data.public import Archive

# Three times what is read at once: of less, a cut-off download keeps nothing.
BODY = np.random.default_rng(0).bytes(3 << 20)


class Place(BaseHTTPRequestHandler):
    """A server of `files` that writes down what it is asked for: (path, range)."""

    files: dict[str, bytes]
    asked: list[tuple[str, str | None]]
    ranges = True  # whether it knows them
    cuts = 0  # answers yet to be cut off in the middle

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.asked.append((self.path, wanted))
        body = self.files.get(self.path)
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.ranges else 0
        if body is None or start >= len(body):
            self.send_error(404 if body is None else 416)
            return
        self.send_response(206 if start else 200)
        body = body[start:]
        if "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, 1)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.cuts:
            type(self).cuts -= 1
            body = body[: len(body) // 2]
        self.wfile.write(body)

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def place(monkeypatch):
    """Its class, with its address as `url`."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    cls = type("Here", (Place,), {"files": {"/a.png": BODY, "/other/a.png": b"something else"}, "asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), cls) as http:
        thread = threading.Thread(target=partial(http.serve_forever, poll_interval=0.01))
        thread.start()
        cls.url = f"http://127.0.0.1:{http.server_port}"
        yield cls
        http.shutdown()
        thread.join()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def zipped(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def tarred(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@pytest.fixture
def offer(place):
    """offer(path, content) puts an archive there."""

    def offer(path: str, content: bytes) -> Archive:
        place.files[path] = content
        return Archive("Sets/Mine", (place.url + path,), f"md5:{hashlib.md5(content).hexdigest()}")

    return offer
