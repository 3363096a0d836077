import warnings

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from sr.data.crops import collate
from sr.data.images import Images
from sr.data.pack import build
from sr.data.tree import find
from sr.degradations import Bicubic, pair
from sr.image.resize import imresize_uint8
from tests import pictures as formats


def tensor(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())


def lr_of(item: dict, scale: int = 4) -> torch.Tensor:
    """As networks see it, in 8 bits."""
    return (255 * pair(collate([item]), Bicubic(scale), "cpu")[0][0]).round().byte()


def test_lr_is_made_by_the_exact_bicubic(tmp_path, make):
    made = make(tmp_path, "a.png b.png")
    images = Images("some", find(tmp_path), None, 4)
    assert len(images) == 2
    assert images.names == ["a", "b"]
    for item, name, pixels in zip(images, "ab", made, strict=True):
        assert item["name"] == name
        assert torch.equal(item["hr"], tensor(pixels))
        assert torch.equal(lr_of(item), imresize_uint8(tensor(pixels), 1 / 4))


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


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_hr_is_cropped_to_a_multiple_of_the_scale(tmp_path, make, scale):
    pixels = make(tmp_path, "a.png", (41, 47))[0]
    item = Images("some", find(tmp_path), None, scale)[0]
    height, width = 41 // scale, 47 // scale
    assert lr_of(item, scale).shape == (3, height, width)
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
    assert item["hr"].dtype == torch.float32
    torch.testing.assert_close(item["hr"], tensor(pixels.astype(np.float32)) / 65535, atol=1e-7, rtol=0)


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


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ("x/a.png x/b.png", ["a", "b"]),
        ("x/a.png y/a.png", ["x/a.png", "y/a.png"]),
        ("a.jpg a.png b.png", ["a.jpg", "a.png", "b.png"]),
        ("deep/x/a.png deep/y/z/a.png", ["x/a.png", "y/z/a.png"]),
    ],
)
def test_every_image_has_a_name_of_its_own(tmp_path, make, files, names):
    make(tmp_path, files)
    images = Images("some", find(tmp_path), None, 4)
    assert images.names == names
    assert [item["name"] for item in images] == names


def test_names_of_a_pack_are_those_of_its_files(tmp_path, make):
    make(tmp_path / "hr", "x/a.png y/a.png")
    pack = build(find(tmp_path / "hr"), tmp_path / "hr", tmp_path / "cache", channels=3, minimum_px=1)
    assert Images("p", pack, None, 4).names == Images("f", find(tmp_path / "hr"), None, 4).names
