"""Real commands without their start: `python -m MODULE ...` in a fork of a process that has the libraries loaded.

Importing torch and Lightning takes most of a short run's time. A child forked after these imports, and before any
of `sr`, is what a fresh interpreter would be a few seconds later: its own session, folder, environment and status, with
the same bytes printed. Some tests start an interpreter of their own all the same, and so does Lightning for its second
process.
"""

import atexit
import gc
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from functools import cache
from pathlib import Path
from time import monotonic, sleep
from typing import NoReturn

# Not wandb: it makes a temporary folder when it is imported, which the first child to end would remove from all.
LIBRARIES = ("torch", "torch._dynamo", "pytorch_lightning", "hydra", "omegaconf", "pydantic", "requests",
             "matplotlib.figure", "safetensors.torch", "skimage", "tifffile", "PIL.Image")  # fmt: skip


class Started:
    """`python -m MODULE ARGUMENTS...` under way; of `subprocess.Popen` what the tests use.

    Args:
        command: the module and its arguments.
        folder: to run in.
        environment: all of it.
    """

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str]) -> None:
        self.returncode: int | None = None
        self.files = [tempfile.NamedTemporaryFile() for _ in range(2)]  # noqa: SIM115
        self.pid = _ask(["start", command, str(folder), environment, [file.name for file in self.files]])

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = _ask(["status", self.pid])
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    @property
    def output(self) -> list[str]:
        """What it has printed so far: standard output and standard error."""
        return [os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode() for file in self.files]

    def communicate(self, timeout: float = 300) -> tuple[str, str]:
        """Waits for its end, and returns `output`."""
        end = monotonic() + timeout
        while self.poll() is None:
            if monotonic() > end:
                os.killpg(self.pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired("sr", timeout, "".join(self.output))
            sleep(0.02)
        stdout, stderr = self.output
        return stdout, stderr


def run(command: list[str], folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess:
    """As `subprocess.run` with captured text."""
    process = Started(command, folder, environment)
    stdout, stderr = process.communicate()
    return subprocess.CompletedProcess(command, process.returncode or 0, stdout, stderr)


def _ask(request: list) -> int | None:
    server = _server()
    server.stdin.write(json.dumps(request) + "\n")
    server.stdin.flush()
    return json.loads(server.stdout.readline())


@cache
def _server() -> subprocess.Popen:
    return subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _serve() -> list:
    """Answers requests; returns in each child, with what it shall run."""
    for library in LIBRARIES:
        __import__(library)
    gc.freeze()  # children leave these objects alone, and so their pages shared
    for line in iter(sys.stdin.readline, ""):
        what, *request = json.loads(line)
        if what == "status":
            pid, status = os.waitpid(request[0], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        else:
            answer = os.fork()
            if answer == 0:
                return request
        print(json.dumps(answer), flush=True)
    os._exit(0)


def _become(command: list[str], folder: str, environment: dict[str, str], outputs: list[str]) -> NoReturn:
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for target, file in enumerate((os.devnull, *outputs)):
        opened = os.open(file, os.O_WRONLY | os.O_APPEND if target else os.O_RDONLY)
        os.dup2(opened, target)
        os.close(opened)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.path[0] = folder
    sys.path[1:1] = [p for p in environment.get("PYTHONPATH", "").split(os.pathsep) if p and p not in sys.path]
    sys.argv = command
    status: object = 0
    try:
        runpy.run_module(command[0], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = end.code
    except BaseException as error:
        traceback.print_exception(error)
        status = 130 if isinstance(error, KeyboardInterrupt) else 1
    if isinstance(status, str):
        print(status, file=sys.stderr)
    for thread in threading.enumerate():
        if not thread.daemon and thread is not threading.current_thread():
            thread.join()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    # What an interpreter does beyond this is to take down every module: seconds, for pages that are shared no longer.
    os._exit(int(bool(status)) if isinstance(status, str) else int(status or 0))


if __name__ == "__main__":
    _become(*_serve())
