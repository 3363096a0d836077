"""The real command, at a place that has two files of Set5."""

from functools import partial

import pytest

from sr.data import public
from sr.data.public import fetch_files
from sr.download import main

from ..place import sha256, zipped


@pytest.fixture
def benchmark(place, monkeypatch):
    """Two files of Set5, of which one lies in the second place alone."""
    place.files |= {
        "/one/Set5/image_SRF_4/img_001_SRF_4_HR.png": b"high",
        "/two/Set5/image_SRF_4/img_001_SRF_4_LR.png": b"low",
    }
    files = {"Set5/HR_x4/img_001.png": sha256(b"high"), "Set5/LR_x4/img_001.png": sha256(b"low")}
    monkeypatch.setattr(public, "registry", lambda: files | {"Set14/HR_x4/img_001.png": sha256(b"other")})
    bases = [f"{place.url}/one", f"{place.url}/two"]
    monkeypatch.setattr(public, "fetch_files", partial(fetch_files, bases=bases))
    return files


def test_the_command_fetches_what_is_named(benchmark, offer, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(public.ARCHIVES, "urban100", offer("/mine.zip", zipped({"a.png": b"a"})))
    assert main(["SET5", "urban100", "--to", str(tmp_path)]) == 0
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {*benchmark, "Sets/Mine/a.png"}
    assert (tmp_path / "Set5" / "LR_x4" / "img_001.png").read_bytes() == b"low"
    assert f"export SR_BENCHMARKS={tmp_path}" in capsys.readouterr().out


def test_without_a_folder_it_is_that_of_the_benchmarks(benchmark, tmp_path, monkeypatch):
    monkeypatch.setenv("SR_BENCHMARKS", str(tmp_path / "there"))
    assert main(["set5"]) == 0
    assert (tmp_path / "there" / "Set5" / "HR_x4" / "img_001.png").is_file()


def test_an_unknown_name_is_told_in_one_sentence_before_anything_is_fetched(place, benchmark, tmp_path, capsys):
    assert main(["set5", "set6", "--to", str(tmp_path)]) == 1
    message = capsys.readouterr().err
    assert message.startswith("error: set6: unknown; set14, set5, div2k_train, div2k_valid, urban100 are known")
    assert message.count("\n") == 1
    assert not place.asked


def test_what_no_place_has_ends_the_command(benchmark, tmp_path, capsys):
    assert main(["set14", "--to", str(tmp_path)]) == 1
    assert "error: img_001.png could not be had from" in capsys.readouterr().err


def test_an_interrupted_command_says_that_it_goes_on(tmp_path, monkeypatch, capsys):
    def interrupted(*_) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(public, "fetch_files", interrupted)
    assert main(["set5", "--to", str(tmp_path)]) == 130
    assert "goes on from here" in capsys.readouterr().err
