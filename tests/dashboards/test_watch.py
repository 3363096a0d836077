import threading
import urllib.error
import urllib.request

import pytest

from sr.dashboards import watch
from sr.dashboards.watch import server
from sr.errors import UserError


@pytest.fixture
def address(make_run, monkeypatch, tmp_path):
    make_run("outputs/a")
    monkeypatch.setattr(watch, "page", lambda runs, title, state: f"{title}: {len(runs)} {runs[0].step}")
    with server([str(tmp_path / "outputs")], "title", 0) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()
        thread.join()


def get(url: str) -> str:
    with urllib.request.urlopen(url) as answer:
        return answer.read().decode()


def test_it_shows_what_runs_have_written_since(address, make_run, tmp_path):
    assert get(f"{address}/") == "title: 1 30"
    state = get(f"{address}/state")
    assert get(f"{address}/state") == state
    with open(tmp_path / "outputs" / "a" / "curves.csv", "a") as file:
        file.write("40,0.1,,,,\n")
    assert get(f"{address}/state") != state
    assert get(f"{address}/") == "title: 1 40"
    make_run("outputs/b", seed=1)
    assert get(f"{address}/") == "title: 2 40"


def test_anything_else_is_not_found(address):
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(f"{address}/etc/passwd")


def test_a_port_that_is_taken(address, tmp_path):
    port = int(address.rsplit(":", 1)[1])
    with pytest.raises(UserError, match=f"--port {port}: "):
        server([str(tmp_path)], "title", port)
