import socket

import pytest

from sr.data import public
from sr.data.public import fetch, fetch_archive, fetch_files, registry
from sr.errors import UserError

from ..place import BODY, sha256, tarred, zipped


def get(target, *urls: str) -> bytes:
    fetch(urls, sha256(BODY), target, bar=False)
    return target.read_bytes()


# --- one file ---------------------------------------------------------------------------------------------------------


def test_a_file_arrives_whole_and_alone(place, tmp_path):
    assert get(tmp_path / "new" / "mine.png", f"{place.url}/a.png") == BODY
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["mine.png"]
    assert place.asked == [("/a.png", None)]


def test_what_is_there_is_not_fetched_again(place, tmp_path):
    for _ in range(2):
        get(tmp_path / "a.png", f"{place.url}/a.png")
    assert len(place.asked) == 1


def test_what_is_there_but_damaged_is(place, tmp_path):
    (tmp_path / "a.png").write_bytes(BODY[:-1])
    assert get(tmp_path / "a.png", f"{place.url}/a.png") == BODY


@pytest.mark.parametrize("first", ["/other/a.png", "/nowhere/a.png"])
def test_a_second_place_is_asked_where_the_first_has_not_that_file(place, tmp_path, first):
    assert get(tmp_path / "a.png", place.url + first, f"{place.url}/a.png") == BODY
    assert [path for path, _ in place.asked] == [first, "/a.png"]
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_where_all_fail_one_sentence_names_each_place_and_a_way_out(place, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{probe.getsockname()[1]}/a.png"
    urls = [f"{place.url}/nowhere/a.png", f"{place.url}/other/a.png", closed]
    with pytest.raises(UserError, match=r"^a\.png could not be had from ") as told:
        get(tmp_path / "a.png", *urls)
    message = str(told.value)
    for url, why in zip(urls, ["404", "hash", "refused"], strict=True):
        assert why in message.split(f"{url} (")[1].split(")")[0]
    assert message.endswith(f"put it to {tmp_path / 'a.png'}")
    assert "\n" not in message
    assert not list(tmp_path.iterdir())


def test_bytes_are_counted_as_they_lie_in_the_file(place, tmp_path):
    """Of what a server compresses on the way, neither the length nor a range would be those of the file."""
    place.files["/a.png"] = zeros = bytes(3 << 20)
    place.cuts = 1
    fetch([f"{place.url}/a.png"] * 2, sha256(zeros), tmp_path / "a.png", bar=False)
    assert (tmp_path / "a.png").read_bytes() == zeros


# --- cut off ----------------------------------------------------------------------------------------------------------


def test_a_cut_off_download_goes_on_where_it_stopped(place, tmp_path):
    place.cuts = 1
    with pytest.raises(UserError, match="more expected"):
        get(tmp_path / "a.png", f"{place.url}/a.png")
    have = (tmp_path / "a.png.part").stat().st_size
    assert 0 < have < len(BODY)
    assert get(tmp_path / "a.png", f"{place.url}/a.png") == BODY
    assert place.asked == [("/a.png", None), ("/a.png", f"bytes={have}-")]
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_at_the_next_place_too(place, tmp_path):
    place.cuts = 2
    assert get(tmp_path / "a.png", *[f"{place.url}/a.png"] * 3) == BODY
    assert [bool(part) for _, part in place.asked] == [False, True, True]


def test_a_server_without_ranges_begins_anew(place, tmp_path):
    place.cuts, place.ranges = 1, False
    assert get(tmp_path / "a.png", *[f"{place.url}/a.png"] * 2) == BODY
    assert place.asked[1][1]


def test_nothing_is_left_to_send(place, tmp_path):
    """Interrupted after the last byte."""
    (tmp_path / "a.png.part").write_bytes(BODY)
    assert get(tmp_path / "a.png", f"{place.url}/a.png") == BODY
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_wrong_beginning_is_thrown_away(place, tmp_path):
    (tmp_path / "a.png.part").write_bytes(b"something else")
    with pytest.raises(UserError, match="hash"):
        get(tmp_path / "a.png", f"{place.url}/a.png")
    assert not list(tmp_path.iterdir())
    assert get(tmp_path / "a.png", f"{place.url}/a.png") == BODY


# --- archives ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize("inside", ["", "Mine_HR/", "./"])
def test_an_archive_becomes_a_folder_of_its_images(place, offer, tmp_path, pack, inside):
    files = {f"{inside}a.png": b"a", f"{inside}b.png": b"b", "__MACOSX/a.png": b"", ".DS_Store": b""}
    archive = offer("/mine.packed", pack(files if inside == "Mine_HR/" else dict(list(files.items())[:2])))
    for _ in range(2):
        fetch_archive(archive, tmp_path)
    found = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {"Sets/Mine/a.png": b"a", "Sets/Mine/b.png": b"b"}
    assert len(list((tmp_path / "Sets").iterdir())) == 1
    assert (tmp_path / "Sets" / "Mine").stat().st_mode & 0o777 == 0o755
    assert len(place.asked) == 1


@pytest.mark.parametrize(
    "content", [tarred({"a.png": b"a", "../evil.png": b"b"}), b"no archive"], ids=["leads out", "is none"]
)
def test_an_archive_that_cannot_be_unpacked_leaves_nothing(offer, tmp_path, content):
    root = tmp_path / "root"
    with pytest.raises(UserError, match=r"\.mine\.tar\.gz: cannot be unpacked \("):
        fetch_archive(offer("/mine.tar.gz", content), root)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [root / ".mine.tar.gz"]
    assert not list((root / "Sets").iterdir())


def test_a_zip_cannot_lead_out_either(offer, tmp_path):
    fetch_archive(offer("/mine.zip", zipped({"a.png": b"a", "../../evil.png": b"b"})), tmp_path / "root")
    assert not list(tmp_path.glob("*.png"))
    assert {path.parent.name for path in tmp_path.rglob("*.png")} == {"Mine"}


# --- the registry -----------------------------------------------------------------------------------------------------


def test_the_registry_is_that_of_the_benchmarks(benchmarks):
    files = registry()
    assert set(files) == {
        path.relative_to(benchmarks).as_posix()
        for name in {file.split("/")[0] for file in files}  # others may lie beside them
        for path in (benchmarks / name).rglob("*.png")
    }
    for file in list(files)[:: len(files) // 4]:
        assert sha256((benchmarks / file).read_bytes()) == files[file]


def test_every_file_of_the_registry_has_a_place(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(public, "fetch", lambda urls, *_, **__: asked.append(urls))
    fetch_files(registry(), tmp_path)
    assert len({urls[0] for urls in asked}) == len(registry()) == 276
    assert all(len(urls) == 3 for urls in asked)
