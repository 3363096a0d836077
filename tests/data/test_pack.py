import os
import pickle
import subprocess
import sys
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from sr.data import pack as packs
from sr.data.crops import Crops, collate
from sr.data.pack import build, seen, to_channels
from sr.data.tree import find
from sr.formats import picture as formats
from sr.image.range import unit
from sr.image.resize import imresize_uint8


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "pictures"


@pytest.fixture
def pack(tmp_path, folder):
    """Pack what is in the folder now."""

    def pack(channels: int = 3, minimum_px: int = 16, **options):
        return build(find(folder), folder, tmp_path / "cache", channels=channels, minimum_px=minimum_px, **options)

    return pack


def write_deep(path: Path, pixels: np.ndarray) -> None:
    path.write_bytes(imagecodecs.png_encode(pixels))


# --- what is in it ----------------------------------------------------------------------------------------------------


def test_images_are_those_of_the_files_in_order(folder, pack, make):
    made = make(folder, "b.png a.webp sub/c.tif d.bmp", (40, 33))
    packed = pack()
    assert packed.names == ["a.webp", "b.png", "d.bmp", "sub/c.tif"]
    assert packed.shapes == [(40, 33, 3)] * 4
    assert packed[0].dtype == np.uint8
    assert not packed.skipped
    for image, expected in zip(packed, [made[1], made[0], made[3], made[2]], strict=True):
        assert np.array_equal(image, expected)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "LA"])
def test_gray_rgb_alpha_and_palette_become_what_is_asked_for(folder, pack, make, channels, mode):
    picture = Image.fromarray(make(folder, "a.png")[0]).convert(mode)
    picture.save(folder / "a.png")
    reference = np.asarray(picture.convert("RGB").convert({1: "L", 3: "RGB"}[channels])).reshape(40, 48, channels)
    assert np.abs(pack(channels)[0].astype(int) - reference).max() <= (channels == 1)


def test_images_of_16_bits_stay_so(folder, pack, make):
    deep = make(folder, "a.png")[0].astype(np.uint16) * 257 + 1
    write_deep(folder / "a.png", deep)
    packed = pack()
    assert packed[0].dtype == np.uint16
    assert np.array_equal(packed[0], deep)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_many_bands(folder, pack, make, dtype):
    make(folder, "rgb.png")
    bands = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (40, 48, 13), dtype)
    tifffile.imwrite(folder / "bands.tif", bands, photometric="minisblack", planarconfig="contig")
    packed = pack(channels=13)
    assert np.array_equal(packed[0], bands)
    assert packed.names == ["bands.tif"]
    assert "rgb.png: 3 channels, 13 are needed" in packed.skipped[0]


def test_sizes_are_the_image_shrunk(folder, pack, make):
    (made,) = make(folder, "a.png", (40, 33))
    write_deep(folder / "b.png", made.astype(np.uint16) * 257)
    packed = pack(sizes=(1, 0.5))
    assert packed.names == ["a.png", "a.png x0.5", "b.png", "b.png x0.5"]
    assert packed.shapes == [(40, 33, 3), (20, 17, 3)] * 2
    assert np.array_equal(packed[0], made)
    matlab = imresize_uint8(torch.from_numpy(made).permute(2, 0, 1), 0.5).permute(1, 2, 0).numpy()
    assert abs(packed[1].astype(int) - matlab).max() <= 1  # which rounds twice
    assert abs(packed[3] / 257 - packed[1]).max() <= 0.51
    assert [seen(packed[i], packed.ranges[i]).dtype for i in (1, 3)] == [torch.uint8, torch.float32]


def test_a_size_too_small_is_left_out(folder, pack, make):
    make(folder, "a.png b.png", (40, 33))
    make(folder, "b.png", (24, 33))
    packed = pack(sizes=(0.7, 0.5), minimum_px=17)
    assert packed.names == ["a.png x0.7", "a.png x0.5", "b.png x0.7"]
    assert not packed.skipped
    (reason,) = pack(sizes=(0.7, 0.5), minimum_px=20).skipped
    assert reason.endswith("b.png: 33x24 is smaller than the 29 pixels needed")


def test_gray_from_rgb_is_rounded_luma():
    rgb = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [1, 1, 2]]], np.uint8)
    assert to_channels(rgb, 1).ravel().tolist() == [76, 150, 29, 255, 1]
    assert to_channels(rgb.astype(np.uint16) * 257, 1).max() == 65535


@pytest.mark.parametrize(("have", "wanted"), [(1, 4), (3, 4), (4, 13), (13, 3), (13, 1), (2, 4)])
def test_other_conversions_there_are_none(have, wanted):
    assert to_channels(np.zeros((4, 4, have), np.uint8), wanted) is None


# --- what is left out -------------------------------------------------------------------------------------------------


def test_what_cannot_be_used_is_named_and_skipped(folder, pack, make, capsys):
    make(folder, "good.png fine.png")
    make(folder, "small.png", (15, 40))
    (folder / "corrupt.png").write_bytes((folder / "good.png").read_bytes()[:200])
    (folder / "text.jpg").write_text("not an image")
    tifffile.imwrite(folder / "bands.tif", np.zeros((40, 40, 6), np.uint8), photometric="minisblack")
    for _ in range(2):  # when it is built and when it is found again
        packed = pack()
        said = capsys.readouterr().err
        assert packed.names == ["fine.png", "good.png"]
        assert len(packed.skipped) == 4
        for reason in (
            "small.png: 40x15 is smaller than the 16 pixels needed",
            "corrupt.png: cannot be decoded",
            "text.jpg: cannot be decoded",
            "bands.tif: 6 channels, 3 are needed",
        ):
            assert f"{folder}/{reason}" in said
            assert any(reason in skipped for skipped in packed.skipped)


def test_images_of_8_and_16_bits_are_seen_alike(folder, pack, make):
    picture = make(folder, "a.png c.png")[0]
    write_deep(folder / "b.png", picture.astype(np.uint16) * 257)
    packed = pack()
    assert [image.dtype for image in packed] == [np.uint8, np.uint16, np.uint8]
    assert [values.high for values in packed.ranges] == [(255,), (65535,), (255,)]
    assert np.array_equal(packed[1], picture.astype(np.uint16) * 257)
    shallow, deep = (unit(seen(packed[i], packed.ranges[i])) for i in (0, 1))
    torch.testing.assert_close(shallow, deep, atol=1e-6, rtol=0)
    batch = collate([Crops(packed.keep([i]), None, 32, 4, seed=0)[3] for i in (0, 1)])
    assert batch["hr"].dtype == torch.float32
    torch.testing.assert_close(batch["hr"][0], batch["hr"][1], atol=1e-6, rtol=0)


def test_nothing_left_is_an_error_with_the_reasons(folder, pack, make, tmp_path):
    make(folder, "small.png", (15, 40))
    (folder / "text.jpg").write_text("not an image")
    with pytest.raises(ValueError, match=r"none of 2 images can be used \(.*small\.png: 40x15.*text\.jpg: cannot"):
        pack()
    assert not list((tmp_path / "cache").iterdir())


def test_find(folder, make, tmp_path):
    make(folder, "b.PNG a.jpeg sub/deeper/c.tiff .hidden.png .cache/d.png")
    (folder / "notes.txt").touch()
    (tmp_path / "empty").mkdir()
    assert [str(path.relative_to(folder)) for path in find(folder)] == ["a.jpeg", "b.PNG", "sub/deeper/c.tiff"]
    with pytest.raises(ValueError, match="is not a folder"):
        find(folder / "a.jpeg")
    with pytest.raises(ValueError, match=r"holds no image; .*\.png"):
        find(tmp_path / "empty")


# --- the cache --------------------------------------------------------------------------------------------------------


def test_what_is_packed_is_not_decoded_again(folder, pack, make, monkeypatch):
    make(folder, "a.png b.png")
    first = pack()

    def fail(path, *_):
        raise AssertionError(f"{path} was decoded again")

    monkeypatch.setattr("sr.formats.open", fail)
    assert pack().folder == first.folder
    with pytest.raises(AssertionError, match="decoded again"):
        pack(minimum_px=17)


def test_a_changed_an_added_and_a_removed_file_make_a_new_pack(folder, pack, make):
    old, new = make(folder, "a.bmp b.bmp")
    size = (folder / "a.bmp").stat().st_size
    packed = [pack()]
    formats.write(folder / "a.bmp", new)
    os.utime(folder / "a.bmp", ns=(0, 0))
    assert (folder / "a.bmp").stat().st_size == size
    packed.append(pack())
    make(folder, "c.bmp")
    packed.append(pack())
    (folder / "b.bmp").unlink()
    packed.append(pack())
    assert len({p.folder for p in packed}) == 4
    assert np.array_equal(packed[0][0], old)
    assert np.array_equal(packed[1][0], new)
    assert [p.names for p in packed[2:]] == [["a.bmp", "b.bmp", "c.bmp"], ["a.bmp", "c.bmp"]]


def run(code: str, folder: Path, cache: Path) -> subprocess.Popen:
    """Another process, where `build_it()` packs the folder."""
    start = f"""
import os, sys, time
from pathlib import Path
from sr.data import pack, tree
from sr import formats
folder, cache = Path({str(folder)!r}), Path({str(cache)!r})
def build_it():
    print(len(pack.build(tree.find(folder), folder, cache, channels=3, minimum_px=16)))
"""
    return subprocess.Popen([sys.executable, "-c", start + code], stdout=subprocess.PIPE, text=True,
                            cwd=Path(packs.__file__).parents[2])  # fmt: skip


def test_two_processes_may_build_at_once(folder, pack, make, tmp_path):
    made = make(folder, " ".join(f"{i}.png" for i in range(8)))
    code = """
read = formats.open
def slowly(path, *given):
    (folder.parent / f"started-{os.getpid()}").touch()
    while len(list(folder.parent.glob("started-*"))) < 2:
        time.sleep(0.005)
    return read(path, *given)
formats.open = slowly
build_it()
"""
    processes = [run(code, folder, tmp_path / "cache") for _ in range(2)]
    assert [process.communicate(timeout=60)[0].strip() for process in processes] == ["8", "8"]
    assert len(list((tmp_path / "cache").iterdir())) == 1
    assert all(np.array_equal(image, expected) for image, expected in zip(pack(), made, strict=True))
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_a_killed_build_is_not_taken_for_a_pack(folder, pack, make, tmp_path):
    made = make(folder, " ".join(f"{i}.png" for i in range(8)))
    code = """
decoded = pack._decoded
def cut(*arguments):
    for n, item in enumerate(decoded(*arguments)):
        if n == 5:
            os._exit(9)
        yield item
pack._decoded = cut
build_it()
"""
    killed = run(code, folder, tmp_path / "cache")
    killed.communicate(timeout=60)
    assert killed.returncode == 9
    assert all(path.name.startswith(".") for path in (tmp_path / "cache").iterdir())
    packed = pack()
    assert len(packed) == 8
    assert all(np.array_equal(image, expected) for image, expected in zip(packed, made, strict=True))


def test_a_failed_build_leaves_nothing(folder, pack, make, tmp_path, monkeypatch):
    make(folder, "a.png")

    def fail(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(packs, "_write", fail)
    with pytest.raises(OSError, match="no space left"):
        pack()
    assert not list((tmp_path / "cache").iterdir())


# --- its use ----------------------------------------------------------------------------------------------------------


def test_keep_shows_some_of_the_images(folder, pack, make):
    made = make(folder, "a.png b.png c.png d.png")
    some = pack().keep([3, 1, 0])
    assert some.names == ["d.png", "b.png", "a.png"]
    fewer = some.keep([2, 0])
    assert len(fewer) == 2
    assert np.array_equal(fewer[0], made[0])
    assert np.array_equal(fewer[1], made[3])


def test_a_pickled_pack_maps_the_file(folder, pack, make):
    made = make(folder, "a.png b.png c.png")
    pickled = pickle.dumps(pack().keep([2, 0]))
    assert len(pickled) < made[0].nbytes / 10
    copy = pickle.loads(pickled)
    assert isinstance(copy._data, np.memmap)
    assert copy.names == ["c.png", "a.png"]
    assert np.array_equal(copy[0], made[2])


def test_a_pack_cannot_be_written_to(folder, pack, make):
    make(folder, "a.png")
    with pytest.raises(ValueError, match="read-only"):
        pack()[0][:] = 0
