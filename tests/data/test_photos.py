import pytest

from sr.data import photos
from sr.data.photos import HELD_OUT, TRAINING, Photos


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Photos:
    cache = tmp_path_factory.mktemp("cache")
    data = Photos(scale=4, channels=3, crop_px=64, batch_size=4, seed=0, workers=0, cache=str(cache))
    data.setup("fit")
    return data


def test_all_photographs_come_with_scikit_image(data, capsys):
    assert sorted(data.crops.hr.names) == sorted(TRAINING)
    assert not data.crops.hr.skipped
    assert data.validation.names == [name.split(".")[0] for name in HELD_OUT]
    assert not set(TRAINING) & set(HELD_OUT)


def test_they_are_in_colour_and_large(data):
    for image in data.crops.hr:
        assert image.shape[2] == 3
        assert min(image.shape[:2]) >= 400
        assert (image[..., 0] != image[..., 2]).mean() > 0.1
    assert sum(h * w for h, w, _ in data.crops.hr.shapes) > 4e6


def test_crops_and_validation_images(data):
    assert data.crops[0]["hr"].shape == (3, 64, 64)
    cat = data.validation[0]
    assert cat["hr"].shape == (3, 300, 448)
    assert "lr" not in cat  # the degradation makes it


def test_none_of_them_is_fetched():
    assert all((photos.folder() / name).stat().st_size > 10_000 for name in TRAINING + HELD_OUT)


def test_another_folder_may_validate(make, tmp_path, data):
    make(tmp_path / "mine", "a.png")
    assert [images.names for images in data.images(str(tmp_path / "mine"))] == [["a"]]
