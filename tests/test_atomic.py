import os
import signal
import subprocess
import sys

import pytest

from sr.atomic import replacing, sweep, write_text


def test_the_file_takes_its_place_whole_and_alone(tmp_path):
    target = tmp_path / "new" / "a.txt"
    with replacing(target) as temporary:
        temporary.write_text("half")
        assert temporary.suffix == ".txt"
        assert not target.exists()
    assert target.read_text() == "half"
    assert os.listdir(target.parent) == ["a.txt"]
    os.umask(umask := os.umask(0))
    assert target.stat().st_mode & 0o777 == 0o666 & ~umask


def test_what_a_killed_process_began_is_swept_away_and_nothing_else(tmp_path):
    code = """import sys, time
from sr.atomic import replacing
with replacing(sys.argv[1]) as file:
    file.write_text("half")
    print(flush=True)
    time.sleep(60)"""
    command = [sys.executable, "-c", code, str(tmp_path / "a.tar.gz")]
    writers = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    for writer in writers:
        writer.stdout.readline()
    (tmp_path / ".mine-12345678.txt").touch()
    writers[0].send_signal(signal.SIGKILL)
    writers[0].wait()
    assert len(os.listdir(tmp_path)) == 3
    sweep(tmp_path)
    assert len(os.listdir(tmp_path)) == 2  # the other process still writes its own
    writers[1].kill()
    writers[1].wait()
    sweep(tmp_path)
    assert os.listdir(tmp_path) == [".mine-12345678.txt"]
    sweep(tmp_path / "nowhere")


@pytest.mark.parametrize("mishap", [ValueError, KeyboardInterrupt])
def test_an_accident_leaves_what_was_there(tmp_path, mishap):
    target = tmp_path / "a.txt"
    write_text(target, "before\r\n")

    def write_half():
        with replacing(target) as temporary:
            temporary.write_text("half")
            raise mishap

    with pytest.raises(mishap):
        write_half()
    assert target.read_bytes() == b"before\r\n"
    assert os.listdir(tmp_path) == ["a.txt"]
