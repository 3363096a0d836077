"""`--model auto`: which model is taken for what, and that it is said."""

import io
import re
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

import sr
from sr import formats
from sr.data import photos
from sr.errors import UserError
from sr.image.resize import imresize_uint8
from sr.inference import models
from sr.inference.auto import choose
from sr.inference.preview import Preview
from sr.upscale import main
from sr.weights import store as weights
from tests import pictures

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def clean() -> np.ndarray:
    """The astronaut, shrunk: H W 3."""
    pixels = torch.from_numpy(pictures.read(photos.folder() / "astronaut.png").copy()).permute(2, 0, 1)
    return imresize_uint8(pixels, 1 / 2).permute(1, 2, 0).numpy()


def noisy(image):
    return (image + np.random.default_rng(0).normal(0, 15, image.shape)).round().clip(0, 255).astype(np.uint8)


def blurred(image):
    return gaussian_filter(image.astype(np.float32), (1.5, 1.5, 0)).round().astype(np.uint8)


def compressed(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=40)
    return np.asarray(Image.open(file))


DAMAGES = [
    (noisy, r"noise of 1[456] levels"),
    (blurred, r"blur of 1\.[3-7] pixels"),  # 1.346 or 1.353, by the processor's rounding of the luma
    (compressed, r"JPEG of quality 40"),
]


@pytest.fixture
def real(monkeypatch, tmp_path_factory):
    """As if a model for damaged photos came with the package: the clean one under its name."""
    file = tmp_path_factory.mktemp("weights") / "real_x4.safetensors"
    shutil.copy(weights.find("fast_x4"), file)
    there = weights.bundled() | {"real_x4": file}
    monkeypatch.setattr(weights, "bundled", lambda: there)
    return file


@pytest.fixture
def without_real(monkeypatch):
    there = {name: file for name, file in weights.bundled().items() if not name.startswith("real")}
    monkeypatch.setattr(weights, "bundled", lambda: there)


def chosen(image, folder, factor=4):
    pictures.write(folder / "photo.png", image)
    with formats.open(folder / "photo.png") as file:
        return choose(file, factor)


def test_a_clean_photo_gets_the_model_for_clean_ones(clean, real, tmp_path):
    choice = chosen(clean, tmp_path)
    assert choice.name == "fast_x4"
    assert str(choice).startswith("auto takes fast_x4: the photo is clean (noise of 0.")
    assert chosen(clean, tmp_path, 2).name == "fast_x2"


@pytest.mark.parametrize(("damage", "told"), DAMAGES)
def test_a_damaged_photo_gets_the_model_for_damaged_ones(clean, real, tmp_path, damage, told):
    choice = chosen(damage(clean), tmp_path)
    assert choice.name == "real_x4"
    assert re.search(told, choice.why)


def test_where_its_scale_is_missing_that_of_another_is_taken(clean, real, tmp_path):
    assert chosen(noisy(clean), tmp_path, 2).name == "real_x4"  # its result is shrunk


@pytest.mark.parametrize("factor", [2, 4])
def test_without_such_a_model_it_is_said_that_it_would_be_better(clean, without_real, tmp_path, factor):
    choice = chosen(compressed(clean), tmp_path, factor)
    assert choice.name == f"fast_x{factor}"
    assert choice.why == f"for JPEG of quality 40 real_x{factor} would be better, but it is not bundled here"


def test_what_is_no_photo_or_too_small_is_not_invented_in(real, tmp_path):
    random = np.random.default_rng(0)
    assert chosen(random.integers(0, 256, (90, 140, 3), dtype=np.uint8), tmp_path).why.startswith("under 96 pixels")
    pydicom = pytest.importorskip("pydicom")
    with formats.open(pydicom.data.get_testdata_file("CT_small.dcm")) as file:
        assert choose(file, 4).name == "fast_x4"
        assert "nothing is to be invented" in choose(file, 4).why


@pytest.mark.parametrize("damage", [lambda image: image, noisy], ids=["clean", "noisy"])
def test_the_result_is_that_of_the_model_and_the_line_says_which(clean, real, tmp_path, capsys, damage):
    pictures.write(tmp_path / "a.png", damage(clean)[:128, :128])
    pictures.write(tmp_path / "b.png", damage(clean)[128:, :110])
    command = [str(tmp_path / "a.png"), str(tmp_path / "b.png"), "-o", str(tmp_path / "out"), "--device", "cpu"]
    assert main([*command, "--model", "auto"]) == 0
    told = capsys.readouterr().out.splitlines()
    name = "real_x4" if damage is noisy else "fast_x4"
    assert len(told) == 2
    assert all(f": auto takes {name}: " in line for line in told)
    made = pictures.read(tmp_path / "out" / "a_x4.png")
    expected = sr.enlarge(str(tmp_path / "a.png"), real, device="cpu")
    np.testing.assert_array_equal(made, expected)
    np.testing.assert_array_equal(sr.enlarge(str(tmp_path / "a.png"), "auto", device="cpu"), expected)


def test_the_page_says_which_and_why(clean, real, tmp_path):
    pictures.write(tmp_path / "a.png", noisy(clean)[:100, :120])
    _, told, target = Preview(CPU, 1, tmp_path)(str(tmp_path / "a.png"), "auto", "that of the model", False, False)
    assert told.startswith("120x100 to 480x400 pixels by real_x4; auto takes real_x4: noise of ")
    assert target.endswith("a_x4.png")


def test_it_is_no_model_where_one_is_named(tmp_path, capsys):
    with pytest.raises(UserError, match=r"auto: looks at each photo .* name a model here: fast_x2, fast_x4"):
        models.load("auto")
    assert main(["a.png", "-o", str(tmp_path), "--model", "auto", "--model", "fast_x4", "--blend", "0.5"]) == 1
    assert "--blend W mixes two models that you name; auto is none" in capsys.readouterr().err


def test_the_list_says_which_to_take_for_what(real):
    told = models.listing()
    assert "\nauto\tlooks at each photo" in told
    assert "\nreal_x...\tphotos as phones, messengers and websites leave them" in told
    assert set(models.purposes()) == {"auto", "fast_x...", "real_x...", "srgan_x..."}
