"""From Python, the pixels are those that the command makes of the file."""

import doctest

import imagecodecs
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

import sr
from sr.errors import UserError
from sr.generators import Compact
from sr.inference import door
from sr.inference.enlarger import Enlarger
from sr.upscale import main
from sr.weights import store as weights
from tests import pictures as formats


@pytest.fixture(scope="module")
def photo():
    """H W C of a real photograph."""
    from skimage import data

    return data.astronaut()[40:64, 200:236]


def deep(photo, bands=3):
    return np.dstack([photo.astype(np.uint16) * 250 + np.arange(36, dtype=np.uint16)[None, :, None]] * 2)[..., :bands]


@pytest.fixture
def png(tmp_path):
    def write(pixels):
        path = tmp_path / "in.png"
        path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels)))
        return path

    return write


@pytest.fixture
def tiff(tmp_path):
    def write(pixels):
        kind = "rgb" if pixels.ndim == 3 else "minisblack"
        tifffile.imwrite(tmp_path / "in.tif", pixels, photometric=kind)
        return tmp_path / "in.tif"

    return write


def command(source, *options):
    """What the command makes of a file: the bytes, and the pixels in them."""
    target = source.with_name(f"command{source.suffix}")
    assert main([str(source), "-o", str(target), "--overwrite", *options]) == 0
    return target.read_bytes(), formats.read(target)


def with_alpha(photo):
    return np.dstack([photo, np.tile(np.linspace(0, 255, 36, dtype=np.uint8), (24, 1))])


KINDS = {
    "8 bits": ("png", lambda photo: photo),
    "gray": ("png", lambda photo: photo[..., 0]),
    "rgba": ("png", with_alpha),
    "16 bits": ("png", deep),
    "16 bits gray": ("png", lambda photo: deep(photo)[..., 0]),
    "float": ("tiff", lambda photo: photo.astype(np.float32) * 0.37 - 20),
    "float gray": ("tiff", lambda photo: photo[..., 0].astype(np.float64) * 1e3),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("more", [{}, {"scale": 1.5, "back_project": True}], ids=["plain", "another size"])
def test_arrays_and_paths_get_the_bytes_of_the_command(kind, more, photo, request, tmp_path):
    how, make = KINDS[kind]
    pixels = make(photo)
    source = request.getfixturevalue(how)(pixels)
    file, expected = command(source, *(["--scale", "1.5", "--back-project"] if more else []))
    expected = expected[..., 0] if pixels.ndim == 2 else expected
    made = sr.enlarge(pixels, **more)
    assert made.dtype == pixels.dtype
    np.testing.assert_array_equal(made, expected)
    of_path = sr.enlarge(source, **more)
    np.testing.assert_array_equal(of_path, expected[..., None] if pixels.ndim == 2 else expected)
    written = sr.enlarge(str(source), to=tmp_path / f"door{source.suffix}", **more)
    assert written.read_bytes() == file


@pytest.mark.parametrize(
    ("mode", "kind"), [("RGB", "8 bits"), ("L", "gray"), ("RGBA", "rgba"), ("I;16", "16 bits gray")]
)
def test_pil_images_too(mode, kind, photo, png):
    source = png(KINDS[kind][1](photo))
    with Image.open(source) as image:
        assert image.mode == mode
        made = sr.enlarge(image, "fast_x2")
    assert isinstance(made, Image.Image)
    assert made.mode == mode
    np.testing.assert_array_equal(np.asarray(made).reshape(48, 72, -1), command(source, "--model", "fast_x2")[1])


def test_a_pil_image_is_turned_upright_and_keeps_its_profile(photo, tmp_path):
    from PIL import ImageCms

    exif = Image.Exif()
    exif[274] = 8
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(photo).save(tmp_path / "in.png", exif=exif, icc_profile=profile)
    with Image.open(tmp_path / "in.png") as image:
        made = sr.enlarge(image)
    assert made.size == (96, 144)
    assert made.info["icc_profile"] == profile
    np.testing.assert_array_equal(np.asarray(made), command(tmp_path / "in.png")[1])


@pytest.mark.parametrize("dense", [False, True])
def test_tensors_too(photo, png, dense):
    expected = command(png(photo))[1]
    bytes_ = torch.from_numpy(photo).permute(2, 0, 1)
    bytes_ = bytes_.contiguous() if dense else bytes_
    made = sr.enlarge(bytes_)
    assert made.dtype == torch.uint8
    np.testing.assert_array_equal(made.permute(1, 2, 0).numpy(), expected)
    floats = bytes_.float() / 255
    made = sr.enlarge(floats)
    assert made.dtype == torch.float32
    assert not made.is_inference()
    np.testing.assert_array_equal((made * 255).round().byte().permute(1, 2, 0).numpy(), expected)
    batch = sr.enlarge(torch.stack([floats, floats.flip(-1)]))
    assert torch.equal(batch[0], made)
    assert batch.shape == (2, 3, 96, 144)
    assert sr.enlarge(floats.bfloat16()).dtype == torch.bfloat16


def test_what_is_given_is_left_as_it_is(photo):
    before = photo.copy()
    sr.enlarge(photo)
    sr.enlarge(photo[::-1, ::-1], "nearest")
    np.testing.assert_array_equal(photo, before)


@pytest.fixture
def of_a_scanner(tmp_path):
    """Trained for values from -1000 to 3000."""
    arguments = {"scale": 2, "channels": 1, "width": 4, "depth": 1}
    about = {"generator": "Compact", "arguments": arguments, "scale": 2, "channels": 1}
    about["range"] = {"low": -1000, "high": 3000}
    weights.save(tmp_path / "ct.safetensors", Compact(**arguments), about)
    return tmp_path / "ct.safetensors"


def test_the_range_that_a_model_was_trained_for(photo, of_a_scanner, tiff):
    pixels = photo[..., 0].astype(np.float32) * 12 - 900
    expected = command(tiff(pixels), "--model", str(of_a_scanner))[1][..., 0]
    np.testing.assert_array_equal(sr.enlarge(pixels, of_a_scanner), expected)
    given = command(tiff(pixels), "--model", str(of_a_scanner), "--range", "-500", "500")[1][..., 0]
    np.testing.assert_array_equal(sr.enlarge(pixels, of_a_scanner, range=(-500, 500)), given)
    with pytest.warns(UserWarning, match="was trained for values of -1000..3000, this file's are"):
        sr.enlarge(pixels * 1000, of_a_scanner)
    unit = torch.rand(1, 8, 9)  # in [0, 1]: what the network sees, whatever it was trained for
    np.testing.assert_allclose(sr.enlarge(unit, of_a_scanner), unit.repeat_interleave(2, 1).repeat_interleave(2, 2))


def test_bands_go_one_by_one_and_colours_together(photo):
    many = np.dstack([photo, photo[..., :2]]).astype(np.uint16) * 257
    made = sr.enlarge(many)
    assert made.shape == (96, 144, 5)
    np.testing.assert_array_equal(made[..., :1], sr.enlarge(many[..., :1]))
    together = sr.enlarge(many, bands=(0, 1, 2))
    np.testing.assert_array_equal(together[..., :3], sr.enlarge(many[..., :3]))
    four = with_alpha(photo)
    assert not np.array_equal(sr.enlarge(four, alpha=False), sr.enlarge(four))


def test_a_loaded_model_serves_many(photo):
    enlarger = sr.load("fast_x2", device="cpu", tile=32)
    assert isinstance(enlarger, Enlarger)
    assert enlarger.precision == "auto"
    np.testing.assert_array_equal(sr.enlarge(photo, enlarger), sr.enlarge(photo, scale=2))
    with pytest.raises(UserError, match="precision=fp8: one of auto, fp32, fp16, bf16 is needed"):
        sr.load(precision="fp8")


def test_other_files_become_arrays(tmp_path, photo):
    frames = [Image.fromarray(np.roll(photo, i, 1)) for i in range(3)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert sr.enlarge(tmp_path / "a.gif", "nearest", scale=2).shape == (3, 48, 72, 4)
    nibabel = pytest.importorskip("nibabel")
    volume = np.arange(6 * 5 * 4, dtype=np.int16).reshape(6, 5, 4)
    nibabel.save(nibabel.Nifti1Image(volume, np.diag([1, 1, 3, 1])), tmp_path / "a.nii.gz")
    assert main([str(tmp_path / "a.nii.gz"), "-o", str(tmp_path / "b.nii.gz"), "--scale", "2"]) == 0
    expected = np.asanyarray(nibabel.load(tmp_path / "b.nii.gz").dataobj)
    np.testing.assert_array_equal(sr.enlarge(tmp_path / "a.nii.gz", scale=2)[..., 0], expected)


def test_a_file_is_not_overwritten_unless_told(photo, png, tmp_path):
    source = png(photo)
    assert sr.enlarge(source, to=tmp_path / "out") == tmp_path / "out" / "in_x4.png"
    with pytest.raises(UserError, match=r"in_x4\.png: is there; overwrite=True makes it anew"):
        sr.enlarge(source, to=tmp_path / "out")
    assert sr.enlarge(source, to=tmp_path / "out", overwrite=True).is_file()
    with pytest.raises(UserError, match="would be overwritten"):
        sr.enlarge(source, to=source)


@pytest.mark.parametrize(
    ("image", "more", "why"),
    [
        ([1, 2], {}, "list: no image; a path, a NumPy array, a PIL image or a tensor is needed"),
        (np.zeros(9), {}, r"an array of shape \(9,\); H W or H W C is needed"),
        (np.zeros((0, 9)), {}, "has no pixels"),
        (np.zeros((9, 9), bool), {}, "bool is no type of pixels"),
        (np.zeros((9, 9), complex), {}, "complex128 is no type of pixels"),
        (torch.zeros(9, 9), {}, r"a tensor of shape \(9, 9\) and torch.float32; C H W or N C H W is needed"),
        (torch.zeros(3, 9, 9, dtype=torch.int32), {}, "float in .* or uint8"),
        (Image.new("P", (9, 9)), {}, "a PIL image of mode P; convert it to one of L, RGB"),
        ("nowhere.png", {}, r"nowhere\.png: no such file"),
        ("nowhere*.png", {"to": "out"}, "no such file"),
        (".", {}, "a folder; give its files one by one"),
        (np.zeros((9, 9)), {"to": "a.png"}, "to=: writes what a file becomes"),
        (np.zeros((9, 9)), {"nodata": 0}, "nodata=0: is for scenes"),
        ("a.png", {"alpha": True}, "leave out alpha="),
        (np.zeros((9, 9)), {"scale": 65}, "scale=65: a number above 0, up to 64, is needed"),
        (np.zeros((9, 9)), {"scale": 2, "size": (9, 9)}, "and no scale beside"),
        (np.zeros((9, 9, 5)), {"bands": (0, 1, 1)}, "three different numbers"),
        (np.zeros((9, 9)), {"range": (1, 0)}, "the second larger than the first"),
        (np.zeros((9, 9)), {"model": "nowhere.pth"}, r"nowhere\.pth: no such file"),
        (np.zeros((9, 9)), {"device": "abacus"}, "device abacus: this machine has none"),
    ],
)  # fmt: skip
def test_mistakes_get_one_sentence(image, more, why):
    with pytest.raises(UserError, match=why) as told:
        sr.enlarge(image, **more)
    assert "\n" not in str(told.value)


def test_what_is_not_used_of_a_file_is_told(photo, png):
    with pytest.warns(UserWarning, match="--nodata is not used"):
        sr.enlarge(png(photo), "bicubic", scale=2, nodata=0)


def test_the_examples_of_the_docstrings_run():
    ran = doctest.testmod(door)
    assert ran.failed == 0
    assert ran.attempted > 10


def test_what_is_not_there_is_no_attribute():
    with pytest.raises(AttributeError, match="module 'sr' has no attribute 'nothing'"):
        sr.nothing


@pytest.fixture(scope="module")
def rgba(tmp_path_factory):
    """A network of four channels, random: (spandrel's own call, ours)."""
    spandrel = pytest.importorskip("spandrel")
    from spandrel.architectures.ESRGAN import ESRGAN

    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("rgba") / "a.pth"
    torch.save(ESRGAN(in_nc=4, out_nc=4, num_filters=8, num_blocks=1, scale=2).state_dict(), file)
    return spandrel.ModelLoader().load_from_file(file).eval(), sr.load(file, device="cpu")


@pytest.mark.parametrize("kind", ["colours and alpha", "colours", "gray and alpha", "gray", "16 bits"])
def test_a_network_of_four_channels_is_given_colours_and_transparency(rgba, kind):
    """As spandrel's direct call, to half a level: gray is three equal colours, and without alpha all is opaque."""
    theirs, ours = rgba
    dtype = np.uint16 if kind == "16 bits" else np.uint8
    most = np.iinfo(dtype).max
    pixels = np.random.default_rng(0).integers(0, most + 1, (40, 48, 4), dtype=dtype)
    pixels[..., 3] = pixels[..., 3].clip(most // 100)  # colours that nobody sees are filled before a network sees them
    if kind.startswith("gray"):
        pixels[..., :3] = pixels[..., :1]
    alpha = kind.endswith("alpha") or kind == "16 bits"
    if not alpha:
        pixels[..., 3] = most
    given = pixels[..., [0] * kind.startswith("gray") or [0, 1, 2]]
    given = np.concatenate([given, pixels[..., 3:]], 2) if alpha else given
    made = sr.enlarge(given, ours, alpha=alpha).astype(float)
    expected = most * theirs(torch.from_numpy(pixels.astype(np.float32) / most).permute(2, 0, 1)[None])[0]
    expected = expected.permute(1, 2, 0).numpy().astype(float)
    if kind.startswith("gray"):
        expected = np.concatenate([expected[..., :3].mean(2, keepdims=True), expected[..., 3:]], 2)
    assert np.abs(made - expected[..., : given.shape[2]]).max() < 0.51
    assert expected.std() > 0.01 * most


def test_four_bands_that_are_no_colours_go_through_it_in_their_order(rgba):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 24, 4), dtype=np.uint8)
    expected = 255 * rgba[0](torch.from_numpy(pixels / np.float32(255)).permute(2, 0, 1)[None])[0]
    made = sr.enlarge(pixels, rgba[1], alpha=False).astype(float)
    assert np.abs(made - expected.permute(1, 2, 0).numpy()).max() < 0.51


def test_it_takes_three_channels_too_as_an_evaluation_gives_them(rgba):
    theirs, ours = rgba
    lr = torch.rand(2, 3, 20, 24)
    assert torch.equal(ours(lr).clamp(0, 1), theirs(torch.cat([lr, torch.ones(2, 1, 20, 24)], 1))[:, :3])
