"""What a set is: names, folders, lists, databases, and the layouts in which people keep them."""

import numpy as np
import pytest
import torch

from sr.data.sets import open_set
from sr.errors import MissingError, UserError
from sr.image.resize import imresize_uint8
from tests import pictures as formats

from .test_images import lr_of, tensor


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
    assert torch.equal(lr_of(item, 2), imresize_uint8(item["hr"], 1 / 2))


def test_a_missing_lr_file_is_named(root):
    (root / "SetA" / "LR_x4" / "img_002.png").unlink()
    with pytest.raises(MissingError, match=r"LR_x4/img_002\.png: no such file"):
        open_set("SetA", root, 4)[1]


def test_what_is_not_there_is_said_with_what_is(root):
    with pytest.raises(
        FileNotFoundError, match=r"set5: no such folder, and no folder of benchmark sets .* SR_BENCHMARKS"
    ):
        open_set("set5", None, 4)
    with pytest.raises(FileNotFoundError, match=r"set5: no such folder, and not in .*\['SetA', 'SetB'\]"):
        open_set("set5", root, 4)
    with pytest.raises(FileNotFoundError, match=r"SetA has no HR_x3; it has \['HR_x2', 'HR_x4'\]"):
        open_set("seta", root, 3)
    with pytest.raises(FileNotFoundError, match=r"set5: no such folder, and not in .*elsewhere, which holds \[\]"):
        open_set("set5", root / "elsewhere", 4)


def test_a_set_may_be_given_as_its_folder(root):
    images = open_set(str(root / "SetA"), None, 4)
    assert images.name == "SetA"
    assert np.array_equal(images[1]["lr"], tensor(formats.read(root / "SetA" / "LR_x4" / "img_002.png")))


def test_a_folder_of_pictures_is_a_set(tmp_path, make):
    make(tmp_path / "mine", "b.png a.png sub/c.png", (41, 47))
    images = open_set(str(tmp_path / "mine"), None, 4)
    assert (images.name, images.names) == ("mine", ["a", "b", "c"])
    assert torch.equal(lr_of(images[0]), imresize_uint8(images[0]["hr"], 1 / 4))


@pytest.mark.parametrize(
    ("hr", "lr"), [("HR", "LR"), ("hr", "lr"), ("Hr", "LR"), ("hr_X4", "lr_x4"), ("HR_x4", "LR_X4")]
)
def test_a_folder_of_hr_and_lr_is_a_set(tmp_path, make, hr, lr):
    made = make(tmp_path / "mine" / hr, "a.png b.png"), make(tmp_path / "mine" / lr, "ax4.png b_x4.png", (10, 12))
    images = open_set(str(tmp_path / "mine"), None, 4)
    assert (images.name, images.names) == ("mine", ["a", "b"])
    for item, hr_pixels, lr_pixels in zip(images, *made, strict=True):
        assert torch.equal(item["hr"], tensor(hr_pixels))
        assert torch.equal(item["lr"], tensor(lr_pixels))


def test_images_of_this_very_scale_come_first(tmp_path, make):
    make(tmp_path / "HR", "of_any_scale.png")
    make(tmp_path / "HR_x4", "of_four.png")
    assert open_set(str(tmp_path), None, 4).names == ["of_four"]
    assert open_set(str(tmp_path), None, 2).names == ["of_any_scale"]


def test_two_folders_are_a_set(tmp_path, make, monkeypatch):
    hr = make(tmp_path / "photos", "x/a.png y/a.png", (40, 48))
    lr = make(tmp_path / "small", "y/a.jpg x/ax4.png", (10, 12))
    images = open_set({"hr": str(tmp_path / "photos"), "lr": str(tmp_path / "small")}, None, 4)
    assert images.name == "photos"
    assert torch.equal(images[0]["hr"], tensor(hr[0]))
    assert torch.equal(images[0]["lr"], tensor(lr[1]))
    assert images.lr[1] == (tmp_path / "small" / "y" / "a.jpg", 0)
    monkeypatch.chdir(tmp_path / "photos")
    assert open_set({"hr": ".", "lr": "../small"}, None, 4).name == "photos"


@pytest.mark.parametrize("which", [{"hr": "x"}, {"lr": "x"}, {"hr": "x", "lr": "x", "scale": 4}, {}], ids=str)
def test_anything_else_is_no_set(which):
    with pytest.raises(UserError, match=r"a set is a name, a folder or \{hr: DIR, lr: DIR\}, not "):
        open_set(which, None, 4)


def test_a_missing_folder_of_two_is_named(tmp_path, make):
    make(tmp_path / "hr", "a.png")
    for which in ({"hr": "hr", "lr": "nosuch"}, {"hr": "nosuch", "lr": "hr"}):
        folders = {side: str(tmp_path / name) for side, name in which.items()}
        with pytest.raises(UserError, match="nosuch is not a folder"):
            open_set(folders, None, 4)


def test_a_folder_without_pictures_is_refused(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UserError, match="holds no image"):
        open_set(str(tmp_path), None, 4)


def test_a_missing_partner_is_named_when_it_is_read(tmp_path, make):
    make(tmp_path / "hr", "x/a.png x/b.png")
    make(tmp_path / "lr", "x/a.png", (10, 12))
    images = open_set({"hr": str(tmp_path / "hr"), "lr": str(tmp_path / "lr")}, None, 4)
    assert images[0]["lr"].shape == (3, 10, 12)
    with pytest.raises(MissingError, match=r"lr/x/b\.png: no such file"):
        images[1]


def test_the_very_name_is_preferred_where_several_would_be_partners(tmp_path, make):
    hr = make(tmp_path / "HR", "a.jpg a.png a_x4.png", (40, 48))
    lr = make(tmp_path / "LR", "a.jpg a.png a_x4.png", (10, 12))
    images = open_set(str(tmp_path), None, 4)
    assert (
        [path.name for path, _ in images.lr] == [path.name for path in images.files] == ["a.jpg", "a.png", "a_x4.png"]
    )
    assert torch.equal(images[1]["hr"], tensor(hr[1]))
    assert torch.equal(images[1]["lr"], tensor(lr[1]))


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
