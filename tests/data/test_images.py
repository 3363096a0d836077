import warnings

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from sr.data.images import Images, open_set
from sr.data.pack import build, find
from sr.formats import image as formats
from sr.resize import imresize_uint8


def tensor(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())


def test_lr_is_made_by_the_exact_bicubic(tmp_path, make):
    made = make(tmp_path, "a.png b.png")
    images = Images("some", find(tmp_path), None, 4)
    assert len(images) == 2
    assert images.names == ["a", "b"]
    for item, name, pixels in zip(images, "ab", made, strict=True):
        assert item["name"] == name
        assert torch.equal(item["hr"], tensor(pixels))
        assert torch.equal(item["lr"], imresize_uint8(tensor(pixels), 1 / 4))


def test_lr_is_read_where_there_are_files(tmp_path, make):
    make(tmp_path / "hr", "a.png", (40, 48))
    lr = make(tmp_path / "lr", "a.png", (10, 12))
    item = Images("some", find(tmp_path / "hr"), find(tmp_path / "lr"), 4)[0]
    assert torch.equal(item["lr"], tensor(lr[0]))


def test_a_pack_shows_the_same_as_its_files(tmp_path, make):
    make(tmp_path / "hr", "a.png b.png")
    pack = build(find(tmp_path / "hr"), tmp_path / "hr", tmp_path / "cache", channels=3, minimum_px=1)
    for ours, files in zip(Images("p", pack, None, 4), Images("f", find(tmp_path / "hr"), None, 4), strict=True):
        assert ours["name"] == files["name"]
        assert torch.equal(ours["hr"], files["hr"])
        assert torch.equal(ours["lr"], files["lr"])


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_hr_is_cropped_to_a_multiple_of_the_scale(tmp_path, make, scale):
    pixels = make(tmp_path, "a.png", (41, 47))[0]
    item = Images("some", find(tmp_path), None, scale)[0]
    height, width = 41 // scale, 47 // scale
    assert item["lr"].shape == (3, height, width)
    assert torch.equal(item["hr"], tensor(pixels[: height * scale, : width * scale]))


def test_gray_files_as_the_tables_take_them(tmp_path, make):
    gray = make(tmp_path, "a.png")[0][..., :1]
    formats.write(tmp_path / "a.png", gray)
    as_they_are, as_rgb, as_luma = (Images("some", find(tmp_path), None, 4, channels)[0] for channels in (None, 3, 1))
    assert torch.equal(as_they_are["hr"], tensor(gray))
    assert torch.equal(as_rgb["hr"], tensor(gray).expand(3, -1, -1))
    assert torch.equal(as_luma["hr"], tensor(gray))


def test_luma_of_rgb_files(tmp_path, make):
    pixels = make(tmp_path, "a.png")[0]
    reference = np.asarray(Image.fromarray(pixels).convert("L"))
    assert np.abs(Images("some", find(tmp_path), None, 4, 1)[0]["hr"][0].int().numpy() - reference).max() <= 1


def test_16_bits(tmp_path, make):
    pixels = make(tmp_path / "png", "a.png")[0].astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    item = Images("some", [tmp_path / "a.tif"], None, 4)[0]
    assert item["lr"].dtype == item["hr"].dtype == torch.uint16
    assert np.array_equal(item["hr"].numpy(), pixels.transpose(2, 0, 1))


def test_lr_of_another_size_is_named(tmp_path, make):
    make(tmp_path / "hr", "a.png", (41, 48))
    make(tmp_path / "lr", "a.png", (11, 12))
    with pytest.raises(ValueError, match="some/a: LR is 12x11, HR 48x40 at scale 4 needs 12x10"):
        Images("some", find(tmp_path / "hr"), find(tmp_path / "lr"), 4)[0]


def test_other_channels_are_named(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((16, 16, 6), np.uint8), photometric="minisblack")
    with pytest.raises(ValueError, match=r"a\.tif: 6 channels, 3 are needed"):
        Images("some", [tmp_path / "a.tif"], None, 4)[0]


def test_gray_images_are_tensors_of_their_own(tmp_path, make):
    formats.write(tmp_path / "a.png", make(tmp_path, "a.png")[0][..., :1])
    torch.set_warn_always(True)
    try:
        with warnings.catch_warnings(action="error"):
            Images("some", find(tmp_path), None, 4, channels=1)[0]
    finally:
        torch.set_warn_always(False)


# --- benchmark sets ---------------------------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path, make):
    make(tmp_path / "SetA" / "HR_x4", "img_001.png img_002.png", (40, 48))
    make(tmp_path / "SetA" / "LR_x4", "img_001.png img_002.png", (10, 12))
    make(tmp_path / "SetA" / "HR_x2", "img_001.png", (40, 48))
    make(tmp_path / "SetB" / "HR_x4", "img_001.png", (40, 48))
    return tmp_path


@pytest.mark.parametrize("name", ["SetA", "seta", "SETA"])
def test_a_set_is_found_by_its_name_in_any_case(root, name):
    images = open_set(name, root, 4)
    assert images.name == "SetA"
    assert images.names == ["img_001", "img_002"]
    assert np.array_equal(images[1]["lr"], tensor(formats.read(root / "SetA" / "LR_x4" / "img_002.png")))


def test_without_lr_files_lr_is_made(root):
    item = open_set("SetA", root, 2)[0]
    assert torch.equal(item["lr"], imresize_uint8(item["hr"], 1 / 2))


def test_a_missing_lr_file_is_named(root):
    (root / "SetA" / "LR_x4" / "img_002.png").unlink()
    with pytest.raises(formats.UnreadableImage, match=r"LR_x4/img_002\.png: no such file"):
        open_set("SetA", root, 4)[1]


def test_what_is_not_there_is_said_with_what_is(root):
    with pytest.raises(FileNotFoundError, match=r"set5: no benchmark folder; set SR_BENCHMARKS"):
        open_set("set5", None, 4)
    with pytest.raises(FileNotFoundError, match=r"set5: not in .*\['SetA', 'SetB'\]"):
        open_set("set5", root, 4)
    with pytest.raises(FileNotFoundError, match=r"SetA has no HR_x3; it has \['HR_x2', 'HR_x4', 'LR_x4'\]"):
        open_set("seta", root, 3)


@pytest.mark.parametrize(
    ("name", "scale", "count"), [("Set5", 2, 5), ("Set5", 4, 5), ("Set14", 2, 14), ("Set14", 4, 14)]
)
def test_the_real_sets_have_the_images_that_they_should(benchmarks, name, scale, count):
    images = open_set(name.lower(), benchmarks, scale)
    assert len(images) == count
    assert images.names == [f"img_{i:03d}" for i in range(1, count + 1)]
    assert images[0]["hr"].shape[0] == 3


def test_set14_has_one_gray_image(benchmarks):
    channels = [item["hr"].shape[0] for item in open_set("Set14", benchmarks, 4, channels=None)]
    assert channels.count(1) == 1
    assert channels[2] == 1
