"""A server on this machine, which answers with what a test tells it to."""

import hashlib
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from nano_bert.data import download
from nano_bert.data.download import Source


class Server:
    """Answers on this machine with what a test tells it to, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.answer: Callable[[BaseHTTPRequestHandler], None] = lambda request: request.send_error(404)
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                outer.answer(self)

            def log_message(self, format: str, *args: object) -> None:  # quiet
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


def send(content: bytes, *, announced: int | None = None) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answer with the content, and announce its length, or another one."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(content) if announced is None else announced))
        request.end_headers()
        request.wfile.write(content)

    return answer


def send_without_length(content: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        request.wfile.write(content)

    return answer


def official(server: Server, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes, kind: str = "md5") -> None:
    """Make the content the official one: the server has it, its checksum is the expected one."""
    git = b"blob %d\0" % len(content) if kind == "git" else b""
    digest = hashlib.new("sha1" if git else "md5", git + content).hexdigest()
    monkeypatch.setitem(download.SOURCES, name, Source(f"{server.url}/{name}", f"{kind}:{digest}"))
    server.answer = send(content)
