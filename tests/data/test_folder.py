import numpy as np
import pytest
import torch

from sr.data.folder import Folder
from sr.degradations import Bicubic
from sr.errors import UserError


@pytest.fixture
def folder(tmp_path, make):
    """A data module on ten pictures."""
    make(tmp_path / "pictures", " ".join(f"{i}.png" for i in range(10)))

    def folder(**changes) -> Folder:
        options = {"scale": 4, "channels": 3, "crop_px": 16, "batch_size": 4, "seed": 0, "workers": 0}
        options |= {"root": str(tmp_path / "pictures"), "cache": str(tmp_path / "cache")}
        return Folder(**(options | changes))

    return folder


def test_held_out_images_are_not_trained_on(folder):
    data = folder()
    trained, _ = data.training()
    held_out = data.held_out()
    assert len(held_out) == 4
    assert set(trained.names) | {f"{name}.png" for name in held_out.names} == {f"{i}.png" for i in range(10)}
    assert not set(trained.names) & {f"{name}.png" for name in held_out.names}


def test_crops_come_from_the_training_images_alone(folder):
    data = folder(crop_px=40, augment=False)
    data.setup("fit")
    held_out = [item["hr"][:, :40] for item in data.validation]
    trained = [torch.from_numpy(image.copy()).permute(2, 0, 1) for image in data.crops.hr]
    for n in range(30):
        crop = data.crops[n]["hr"]
        assert any((crop == image[:, :, left : left + 40]).all() for image in trained for left in range(9))
        assert not any((crop == image[:, :, left : left + 40]).all() for image in held_out for left in range(9))


def test_held_out_images_are_the_same_each_time_and_spread_over_the_names(folder):
    assert folder().held_out().names == folder().held_out().names
    assert folder(held_out_images=2).held_out().names == ["0", "5"]
    assert folder(held_out_images=9).held_out().names == [str(i) for i in range(9)]


def test_validation_shows_whole_images(folder):
    item = folder().held_out()[0]
    assert item["hr"].shape == (3, 40, 48)
    assert "lr" not in item  # the degradation makes it


def test_val_may_be_another_folder(folder, tmp_path, make):
    make(tmp_path / "others", "x.png y.png", (33, 35))
    data = folder(val=str(tmp_path / "others"))
    data.setup("fit")
    assert len(data.crops.hr) == 10
    assert data.validation.name == "others"
    assert data.validation.names == ["x", "y"]
    assert data.validation[0]["hr"].shape == (3, 32, 32)


def test_val_may_be_a_benchmark_set(folder, tmp_path, make):
    make(tmp_path / "sets" / "Set5" / "HR_x4", "img_001.png")
    data = folder(val="set5", benchmarks=str(tmp_path / "sets"))
    data.setup("fit")
    assert len(data.crops.hr) == 10
    assert data.validation.name == "Set5"


def test_val_that_is_nowhere_names_the_variable_to_set(folder):
    with pytest.raises(FileNotFoundError, match=r"set5: no such folder, .*set SR_BENCHMARKS, root or data\.benchmarks"):
        folder(val="set5").setup("fit")


def test_nothing_need_be_held_out_where_val_is_given(folder, tmp_path):
    data = folder(held_out_images=10, val=str(tmp_path / "pictures"))
    assert len(data.training()[0]) == 10


def test_too_few_images_are_refused(folder):
    with pytest.raises(ValueError, match=r"10 images, 10 of which would be held out .* data\.val=FOLDER"):
        folder(held_out_images=10).setup("fit")


def test_images_smaller_than_a_crop_are_left_out(folder, tmp_path, make, capsys):
    make(tmp_path / "pictures", "small.png", (40, 15))
    data = folder()
    data.setup("fit")
    assert "small.png: 15x40 is smaller than the 16 pixels needed" in capsys.readouterr().err
    assert len(data.crops.hr) + len(data.validation) == 10


def test_crops_of_shrunk_images(folder):
    data = folder(sizes=[0.7, 0.5])
    data.setup("fit")
    held_out = {name.split(".png")[0] for name in data.validation.names}
    assert sorted(data.crops.hr.names) == sorted(
        f"{i}.png x{size}" for i in range(10) for size in (0.7, 0.5) if str(i) not in held_out
    )
    assert data.crops[0]["hr"].shape == (3, 16, 16)


@pytest.mark.parametrize("sizes", [[], [0], [1.5, 0.5]])
def test_a_size_that_is_none(folder, sizes):
    with pytest.raises(UserError, match=r"data.sizes=.*: give factors of more than 0 and at most 1"):
        folder(sizes=sizes)


def test_that_lr_images_are_taken_is_said(tmp_path, make, capsys):
    make(tmp_path / "set" / "HR", "a.png b.png", (40, 48))
    make(tmp_path / "set" / "LR", "a.png b.png", (10, 12))
    options = {"scale": 4, "crop_px": 16, "cache": str(tmp_path / "cache")}
    assert len(Folder(str(tmp_path / "set"), **options).pairs[1]) == 2
    assert "its 2 LR images are taken" in capsys.readouterr().err
    named = {"hr": str(tmp_path / "set" / "HR"), "lr": str(tmp_path / "set" / "LR")}
    assert len(Folder(named, **options).pairs[1]) == 2
    assert not capsys.readouterr().err


def test_pairs_have_one_size(tmp_path, make):
    make(tmp_path / "set" / "HR", "a.png b.png", (40, 48))
    make(tmp_path / "set" / "LR", "a.png b.png", (10, 12))
    data = Folder(str(tmp_path / "set"), scale=4, crop_px=16, cache=str(tmp_path / "cache"), sizes=[0.5])
    with pytest.raises(UserError, match=r"data.sizes=\[0.5\]: .* comes with LR images"):
        data.training()


def test_a_folder_that_is_not_there_is_refused(folder, tmp_path):
    with pytest.raises(ValueError, match=r"nowhere is not a folder"):
        folder(root=str(tmp_path / "nowhere")).prepare_data()


def test_prepare_data_builds_what_setup_then_finds(folder, tmp_path, monkeypatch):
    folder().prepare_data()
    packs = list((tmp_path / "cache").iterdir())
    monkeypatch.setattr("sr.formats.open", None)
    folder().setup("fit")
    assert list((tmp_path / "cache").iterdir()) == packs


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_are_those_of_the_config(folder, channels):
    data = folder(channels=channels)
    data.setup("fit")
    assert data.crops[0]["hr"].shape == (channels, 16, 16)
    assert data.validation[0]["hr"].shape == (channels, 40, 48)
    assert data.crops[0]["hr"].numpy().dtype == np.uint8


def test_validation_under_the_degradation_beside_bicubic(folder, benchmarks):
    """Of held-out images, and of sets that have LR files; the draws are those of the numbers of the images."""
    data = folder(val_lr=["degraded", "bicubic"])
    data.setup("fit")
    assert [images.name for images in data.validations] == ["pictures-degraded", "pictures-bicubic"]
    for degraded, bicubic in zip(*data.validations, strict=True):
        assert "lr" not in degraded  # the run's degradation makes it
        assert torch.equal(degraded["hr"], bicubic["hr"])
        assert degraded["n"] == bicubic["n"]
        assert torch.equal(bicubic["lr"][None], Bicubic(4)(bicubic["hr"][None] / 255)[0])
    data = folder(val="set5", benchmarks=str(benchmarks), val_lr=["bicubic", "degraded"])
    data.setup("fit")
    bicubic, degraded = data.validations
    assert (bicubic.name, degraded.name) == ("Set5-bicubic", "Set5-degraded")
    files = folder(val="set5", benchmarks=str(benchmarks))
    files.setup("fit")
    assert torch.equal(255 * bicubic[0]["lr"], files.validation[0]["lr"].float())  # MATLAB's, in every pixel
    assert "lr" not in degraded[0]
    assert [images.name for images in data.images("set5")] == ["Set5-bicubic", "Set5-degraded"]


@pytest.mark.parametrize("wrong", [["clean"], "bicubic", ["degraded", "degraded"]])
def test_versions_of_validation_that_do_not_exist_are_refused(folder, wrong):
    with pytest.raises(UserError, match=r"data\.val_lr=.*give null or a list of degraded and bicubic"):
        folder(val_lr=wrong)
