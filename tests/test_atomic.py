import os

import pytest

from sr.atomic import replacing, write_text


def test_the_file_takes_its_place_whole_and_alone(tmp_path):
    target = tmp_path / "new" / "a.txt"
    with replacing(target) as temporary:
        temporary.write_text("half")
        assert temporary.suffix == ".txt"
        assert not target.exists()
    assert target.read_text() == "half"
    assert os.listdir(target.parent) == ["a.txt"]
    assert target.stat().st_mode & 0o777 == 0o644


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
