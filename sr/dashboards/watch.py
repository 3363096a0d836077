"""The page while runs go on: served to this machine, made anew where they have written something."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

from sr.errors import UserError, reason
from sr.sweep.jobs import ENDED

from .page import page
from .runs import find, read

WATCHED = ("curves.csv", "config.yaml", "metrics.json", "health.jsonl", "README.md", ENDED, "samples/*.png")


def state(places: list[str]) -> str:
    """What changes when a run writes something that the page shows."""
    files = [file for folder in find(places) for pattern in WATCHED for file in folder.glob(pattern)]
    return str(hash(tuple((str(file), file.stat().st_mtime_ns) for file in files)))


class Newest:
    """The page of some places, made anew where it is old.

    Args:
        places: folders of runs, or that hold some.
        title: of the page.
    """

    def __init__(self, places: list[str], title: str) -> None:
        self.places, self.title, self.lock = places, title, Lock()
        self.made: tuple[str, str] = "", ""

    def __call__(self) -> str:
        with self.lock:
            now = state(self.places)
            if now != self.made[0]:
                self.made = now, page(read(find(self.places)), self.title, now)
            return self.made[1]


def server(places: list[str], title: str, port: int) -> ThreadingHTTPServer:
    """Listening on this machine alone: `/` is the page, `/state` tells whether there is a newer one.

    Raises:
        UserError: the port is taken.
    """
    newest = Newest(places, title)
    answers: dict[str, Callable[[], str]] = {"/": newest, "/state": lambda: state(places)}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = answers.get(self.path.split("?")[0])
            try:
                status, text = (200, answer()) if answer else (404, "")
            except (UserError, OSError) as error:  # a run that was just removed
                status, text = 500, reason(error)
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", f"text/{'html' if status == 200 else 'plain'}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing: a line every five seconds."""

    try:
        return ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except OSError as error:
        raise UserError(f"--port {port}: {reason(error)}; name another one") from error
