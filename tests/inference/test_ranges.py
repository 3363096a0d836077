"""One file is seen alike wherever it is opened, and no odd value, unit or kind of band spoils the rest of it."""

import numpy as np
import pytest
import tifffile
import torch

from sr import formats
from sr.data import photos
from sr.data.crops import collate
from sr.data.folder import Folder
from sr.data.paired import Paired
from sr.data.sets import open_set
from sr.degradations import Bicubic, pair
from sr.image.range import Range, unit
from sr.image.resize import imresize
from sr.inference import models
from sr.inference.enlarger import Enlarger
from sr.inference.files import enlarge_file
from sr.inference.pixels import Options
from sr.judge.score import score
from sr.metrics.mean import MeanOverImages
from tests import pictures as picture

SIDE = 64


def gray(photo: str = "astronaut.png", side: int = SIDE, top: int = 0, left: int = 160) -> np.ndarray:
    """A part of a photograph, H W in [0, 1]."""
    pixels = picture.read(photos.folder() / photo)[top : top + side, left : left + side, :3].astype(np.float64)
    return pixels.mean(2) / 255


# --- files ------------------------------------------------------------------------------------------------------------


def tiff_of_16_bits(folder):
    pixels = (gray() * 11_000 + 300).round().astype(np.uint16)
    tifffile.imwrite(folder / "a.tif", pixels, photometric="minisblack")


def tiff_with_a_place(folder):
    rasterio = pytest.importorskip("rasterio")
    pixels = (gray() * 11_000 + 300).round().astype(np.uint16)
    place = rasterio.transform.from_origin(500_000, 5_000_000, 10, 10)
    profile = {"driver": "GTiff", "height": SIDE, "width": SIDE, "count": 1, "dtype": "uint16", "crs": "EPSG:32633"}
    with rasterio.open(folder / "a.tif", "w", transform=place, **profile) as file:
        file.write(pixels, 1)


def series_of_dicom(folder):
    """Signed, four slices; one holds metal, and one little but air."""
    pydicom = pytest.importorskip("pydicom")
    for i in range(4):
        pixels = (gray(left=100 + 20 * i) * (200 if i == 3 else 1500) - 1000).round().astype(np.int16)
        pixels[40:48, 40:48] = 77
        if i == 2:
            pixels[10:13, 10:12] = 12_000
        meta = pydicom.dataset.FileMetaDataset()
        meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
        meta.MediaStorageSOPInstanceUID = f"1.2.3.{i + 1}"
        meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        data = pydicom.Dataset()
        data.file_meta, data.SOPClassUID, data.SOPInstanceUID = meta, meta.MediaStorageSOPClassUID, f"1.2.3.{i + 1}"
        data.SeriesInstanceUID, data.Modality, data.SamplesPerPixel = "1.2.3", "CT", 1
        data.Rows = data.Columns = SIDE
        data.PhotometricInterpretation, data.BitsAllocated, data.BitsStored = "MONOCHROME2", 16, 16
        data.HighBit, data.PixelRepresentation, data.PixelSpacing = 15, 1, [0.5, 0.5]
        data.RescaleSlope, data.RescaleIntercept = 2, -24
        data.PixelData = pixels.tobytes()
        data.save_as(folder / f"{i}.dcm", enforce_file_format=True)


def volume_of_floats(folder):
    nibabel = pytest.importorskip("nibabel")
    slices = [gray(left=100 + 20 * i) * 1e-3 - 2e-4 for i in range(3)]
    volume = nibabel.Nifti1Image(np.stack(slices, -1).astype(np.float32), np.diag([1, 1, 3, 1]))
    nibabel.save(volume, folder / "a.nii.gz")


FILES = [tiff_of_16_bits, tiff_with_a_place, series_of_dicom, volume_of_floats]


# --- who sees them ----------------------------------------------------------------------------------------------------


def module(folder, tmp_path) -> Folder:
    options = {"scale": 2, "channels": 1, "crop_px": SIDE, "batch_size": 1, "seed": 0, "workers": 0, "augment": False}
    made = Folder(str(folder), held_out_images=0, val=str(folder), cache=str(tmp_path / "cache"), **options)
    made.setup("fit")
    return made


def in_training(folder, tmp_path) -> list[torch.Tensor]:
    """Crops as large as the images, each image once."""
    crops, found = module(folder, tmp_path).crops, {}
    for n in range(200):
        hr = unit(collate([crops[n]])["hr"])
        found.setdefault(hr.sum().item(), hr[0])
    return list(found.values())


def in_validation(folder, tmp_path) -> list[torch.Tensor]:
    images = module(folder, tmp_path).validation
    return [pair(collate([item]), Bicubic(2), "cpu")[1][0] for item in images]


class Seen(MeanOverImages):
    inputs = ("hr",)
    images: list[torch.Tensor] = []

    def score(self, hr):
        Seen.images.append(hr[0])
        return hr.mean((1, 2, 3)).double()


def in_evaluation(folder, _) -> list[torch.Tensor]:
    Seen.images = []
    score(models.load("bicubic", 2), open_set(str(folder), None, 2, channels=1), {"seen": Seen()})
    return Seen.images


def in_enlarging(folder, tmp_path) -> list[torch.Tensor]:
    found = []

    def run(lr):
        found.append(lr[0].clone())
        return lr.repeat_interleave(2, -1).repeat_interleave(2, -2)

    enlarger = Enlarger("looks", 2, 1, run, torch.device("cpu"), bounded=False, tile=0)
    for source in sorted(folder.iterdir()):
        enlarge_file(source, tmp_path / "made" / source.name, enlarger, Options())
    return found


@pytest.mark.parametrize("make", FILES)
def test_all_see_the_same(tmp_path, make):
    (tmp_path / "in").mkdir()
    make(tmp_path / "in")
    expected = in_validation(tmp_path / "in", tmp_path)
    assert len(expected) == {"series_of_dicom": 4, "volume_of_floats": 3}.get(make.__name__, 1)
    for look in (in_training, in_evaluation, in_enlarging):
        found = look(tmp_path / "in", tmp_path)
        assert len(found) == len(expected), look
        for image_ in expected:
            assert min((image_ - other).abs().max() for other in found) <= 1e-6, look


def test_a_place_on_earth_changes_nothing(tmp_path):
    seen = []
    for make in (tiff_of_16_bits, tiff_with_a_place):
        folder = tmp_path / make.__name__
        folder.mkdir()
        make(folder)
        seen.append(in_enlarging(folder, tmp_path / make.__name__ / "out")[0])
    assert (seen[0] - seen[1]).abs().max() <= 1e-6
    assert seen[0].max() == pytest.approx(1, abs=1e-6)


def test_slices_of_a_series_keep_their_brightness_and_their_unit(tmp_path):
    pydicom = pytest.importorskip("pydicom")
    (tmp_path / "in").mkdir()
    series_of_dicom(tmp_path / "in")
    enlarger = models.load("fast_x2")
    flat = []
    for source in sorted((tmp_path / "in").iterdir()):
        note = enlarge_file(source, tmp_path / source.name, enlarger, Options())
        assert "measured over 4 slices of its series" in note
        old, new = (pydicom.dcmread(path) for path in (source, tmp_path / source.name))
        assert (new.RescaleSlope, new.RescaleIntercept) == (2, -24)
        assert new.pixel_array.dtype == np.int16
        rows = slice(None, 70)  # without the metal, which rings
        assert new.pixel_array[rows, 60:].mean() == pytest.approx(old.pixel_array[:35, 30:].mean(), abs=4)
        flat.append(new.pixel_array[86:90, 86:90].mean())  # in the middle of what is alike in all slices
    assert np.ptp(flat) <= 6  # of the 1500 that are seen; stretched slice by slice, by 25


def test_a_range_in_the_unit_of_the_file_is_obeyed(tmp_path):
    (tmp_path / "in").mkdir()
    series_of_dicom(tmp_path / "in")
    values = Range.given(-1000, 3000)  # Hounsfield units; stored are -488 to 1512
    with formats.open(tmp_path / "in" / "0.dcm", values) as file:
        assert file.range.low == pytest.approx((-488,))
        assert file.range.high == pytest.approx((1512,))
    data = Folder(str(tmp_path / "in"), 0, scale=2, channels=1, crop_px=SIDE, batch_size=1, seed=0, workers=0,
                  cache=str(tmp_path / "cache"), val=str(tmp_path / "in"), range=[-1000, 3000])  # fmt: skip
    data.setup("fit")
    for values in (data.crops.hr.ranges[0], data.validation.hr.ranges[0]):
        assert values.low == pytest.approx((-488,))
    scored = open_set(str(tmp_path / "in"), None, 2, 1, Range.given(-1000, 3000))[0]["hr"]
    assert torch.equal(scored, data.validation[0]["hr"])


def test_a_network_that_was_trained_for_a_range_says_so_and_sees_it(tmp_path):
    (tmp_path / "in").mkdir()
    tiff_of_16_bits(tmp_path / "in")
    source = tmp_path / "in" / "a.tif"
    enlarger, seen = models.load("nearest", 2), []
    enlarger.run = lambda lr: seen.append(lr) or lr.repeat_interleave(2, -1).repeat_interleave(2, -2)
    enlarger.range = Range.given(0, 10_000)
    note = enlarge_file(source, tmp_path / "b.tif", enlarger, Options())
    assert note == "range 0..10000 (of nearest)"
    pixels = tifffile.imread(source)
    torch.testing.assert_close(seen[0][0, 0], torch.from_numpy((pixels / 10_000).clip(0, 1)).float())
    assert np.array_equal(tifffile.imread(tmp_path / "b.tif")[::2, ::2].clip(0, 9000), pixels.clip(0, 9000))
    enlarger.range = Range.given(0, 1)
    note = enlarge_file(source, tmp_path / "c.tif", enlarger, Options())
    assert "nearest was trained for values of 0..1, this file's are " in note
    assert "--range " in note
    note = enlarge_file(source, tmp_path / "d.tif", enlarger, Options(range=Range.given(300, 12_000)))
    assert note == "range 300..12000 (given)"


# --- what was measured ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def network():
    return models.load("fast_x2")


@pytest.fixture(scope="module")
def bicubic():
    return models.load("bicubic", 2)


def shrunk(hr: np.ndarray) -> np.ndarray:
    return imresize(torch.from_numpy(hr)[None], 1 / 2)[0].numpy()


def psnr(made: np.ndarray, hr: np.ndarray, where=...) -> float:
    """Of images in the unit of `hr`, against its own contrast."""
    error = ((made.astype(np.float64) - hr)[4:-4, 4:-4] ** 2)[where].mean()
    return float(10 * np.log10(np.ptp(hr) ** 2 / error))


def tiff(folder, name, pixels, enlarger, **options) -> np.ndarray:
    """Written, enlarged by the same way through the program as the command, and read."""
    source = folder / f"{name}.tif"
    picture.write(source, pixels if pixels.ndim == 3 else pixels[..., None])
    enlarge_file(source, folder / f"{name}_{enlarger.name}.tif", enlarger, Options(**options))
    return tifffile.imread(folder / f"{name}_{enlarger.name}.tif")


@pytest.mark.parametrize("outlier", [40.0, -40.0])
def test_an_outlier_costs_nothing_elsewhere(tmp_path, network, bicubic, outlier):
    hr = gray(side=128)
    lr = shrunk(hr).astype(np.float32)
    struck = lr.copy()
    struck[20:22, 30:31] = outlier
    far = np.ones((120, 120), bool)
    far[40 - 4 - 24 : 44 - 4 + 24, 60 - 4 - 24 : 62 - 4 + 24] = False  # as far as the network is felt
    alone, with_it = (tiff(tmp_path, name, pixels, network) for name, pixels in (("alone", lr), ("struck", struck)))
    plain = tiff(tmp_path, "struck", struck, bicubic)
    scores = [psnr(made, hr, far) for made in (alone, with_it, plain)]
    assert scores[1] > scores[2], scores
    assert scores[1] > scores[0] - 0.3, scores
    near = with_it[36:48, 56:68]
    assert np.abs(near).max() > 20  # it is there, and as it would be alone
    lo, hi = min(lr.min(), outlier), max(lr.max(), outlier)
    assert lo - 1e-3 <= with_it.min()
    assert with_it.max() <= hi + 1e-3


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_not_finite_stays_what_it_is_and_where_it_is(tmp_path, bicubic, dtype):
    pixels = np.random.default_rng(0).normal(size=(20, 24, 2)).astype(dtype)
    pixels[3, 4], pixels[9, 9, 1], pixels[0, 0, 0] = np.nan, np.inf, -np.inf
    if dtype == np.float64:
        pixels[15, 15, 0] = 1e300  # which no network can be shown
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack", planarconfig="contig")
    enlarge_file(tmp_path / "a.tif", tmp_path / "b.tif", bicubic, Options())
    made, repeated = tifffile.imread(tmp_path / "b.tif"), pixels.repeat(2, 0).repeat(2, 1)
    odd = ~(np.abs(repeated) < 1e30)
    assert np.array_equal(made[odd], repeated[odd], equal_nan=True)
    assert np.abs(made[~odd]).max() < 10


def test_the_map_of_what_was_invented_is_not_black_for_an_outlier(tmp_path, network):
    lr = shrunk(gray(side=128)).astype(np.float32)
    found = []
    for name, outlier in (("alone", lr[20, 30]), ("struck", 40.0)):
        lr[20, 30] = outlier
        tiff(tmp_path, name, lr, network, uncertainty=True)
        found.append(picture.read(tmp_path / f"{name}_{network.name}.tif.invented.png").astype(float)[..., 0])
    far = np.ones_like(found[0], bool)
    far[10:80, 30:100] = False
    assert found[1][far].mean() > 0.5 * found[0][far].mean() > 1  # of a range that is up to twice as wide


def test_bands_of_unlike_quantities_do_not_flatten_each_other(tmp_path, network, bicubic):
    index, height = 2 * gray(side=128) - 1, 3000 * gray("coffee.png", side=128)
    both = np.stack([shrunk(index), shrunk(height)], -1).astype(np.float32)
    made, plain = tiff(tmp_path, "both", both, network), tiff(tmp_path, "both", both, bicubic)
    for band, hr in enumerate((index, height)):
        alone = psnr(tiff(tmp_path, f"alone{band}", both[..., band], network), hr)
        together = psnr(made[..., band], hr)
        assert together > psnr(plain[..., band], hr)
        assert together > alone - 0.3


def test_the_weak_volume_of_a_series_is_not_flattened(tmp_path, network, bicubic):
    nibabel = pytest.importorskip("nibabel")
    strong, weak = 3000 * gray(side=128), 60 * gray("coffee.png", side=128)

    def volume(name, *volumes, enlarger):
        data = np.stack([shrunk(v).astype(np.float32)[..., None] for v in volumes], -1)
        nibabel.save(nibabel.Nifti1Image(data, np.diag([1, 1, 3, 1])), tmp_path / f"{name}.nii")
        enlarge_file(tmp_path / f"{name}.nii", tmp_path / "made.nii", enlarger, Options())
        return np.asarray(nibabel.load(tmp_path / "made.nii").dataobj).reshape(128, 128, -1)

    both, plain = (volume("both", strong, weak, enlarger=e)[..., 1] for e in (network, bicubic))
    alone = psnr(volume("alone", weak, enlarger=network)[..., 0], weak)
    assert psnr(both, weak) > psnr(plain, weak)
    assert psnr(both, weak) > alone - 0.3


@pytest.mark.parametrize(("dtype", "factor", "offset"), [(np.float32, 1e-7, 0), (np.uint16, 3000, 44_000)])
def test_values_far_from_those_of_a_picture(tmp_path, network, bicubic, dtype, factor, offset):
    hr = gray(side=128)

    def values(image_):
        moved = image_ * factor + offset
        return (moved.round() if dtype == np.uint16 else moved).astype(dtype)

    wanted = hr * factor + offset
    pixels = values(shrunk(hr))
    made, plain = tiff(tmp_path, "a", pixels, network), tiff(tmp_path, "a", pixels, bicubic)
    usual = psnr(tiff(tmp_path, "usual", shrunk(hr).astype(np.float32), network), hr)
    assert made.mean() == pytest.approx(wanted.mean(), rel=0.01)
    assert psnr(made, wanted) > psnr(plain, wanted)
    assert psnr(made, wanted) > usual - 0.3


def test_three_bands_are_no_colours_for_being_three(tmp_path, network, bicubic):
    pictures = [gray(side=128), gray("coffee.png", side=128), 1 - gray("rocket.jpg", side=128, left=300)]
    pixels = np.stack([(10_000 * shrunk(hr)).round().clip(0) for hr in pictures], -1).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack", planarconfig="contig")
    notes = [enlarge_file(tmp_path / "a.tif", tmp_path / f"{e.name}.tif", e, Options()) for e in (network, bicubic)]
    assert "3 bands one by one (--bands 0 1 2 if they are red, green and blue)" in notes[0]
    made, plain = (tifffile.imread(tmp_path / f"{e.name}.tif") for e in (network, bicubic))
    for band, hr in enumerate(pictures):
        alone = psnr(tiff(tmp_path, f"alone{band}", pixels[..., band], network), 10_000 * hr)
        assert psnr(made[..., band], 10_000 * hr) > psnr(plain[..., band], 10_000 * hr)
        assert psnr(made[..., band], 10_000 * hr) > alone - 0.3
    told = Options(bands=(0, 1, 2), range=Range.given(0, 10_000))
    assert "one by one" not in enlarge_file(tmp_path / "a.tif", tmp_path / "told.tif", network, told)
    picture.write(tmp_path / "rgb.tif", pixels)  # which says that it is RGB
    rgb = Options(range=Range.given(0, 10_000))
    assert "one by one" not in enlarge_file(tmp_path / "rgb.tif", tmp_path / "rgb2.tif", network, rgb)
    assert np.array_equal(tifffile.imread(tmp_path / "told.tif"), tifffile.imread(tmp_path / "rgb2.tif"))


# --- more of it -------------------------------------------------------------------------------------------------------


def test_a_given_range_writes_no_more_bits_than_are_in_use(tmp_path, bicubic):
    pydicom = pytest.importorskip("pydicom")
    (tmp_path / "in").mkdir()
    series_of_dicom(tmp_path / "in")
    data = pydicom.dcmread(tmp_path / "in" / "0.dcm")
    pixels = np.zeros((SIDE, SIDE), np.uint16)
    pixels[20:40, 20:40] = 4095
    data.BitsStored, data.HighBit, data.PixelRepresentation, data.PixelData = 12, 11, 0, pixels.tobytes()
    data.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    enlarge_file(tmp_path / "a.dcm", tmp_path / "b.dcm", bicubic, Options(range=Range.given(0, 2000)))
    assert pydicom.dcmread(tmp_path / "b.dcm").pixel_array.max() == 4095


def test_bands_in_another_order_are_seen_as_colours(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    blue_green_red_near = np.stack([np.full((16, 16), v, np.uint8) for v in (10, 20, 30, 40)])
    place = rasterio.transform.from_origin(500_000, 5_000_000, 10, 10)
    profile = {"driver": "GTiff", "height": 16, "width": 16, "count": 4, "dtype": "uint8", "crs": "EPSG:32633"}
    (tmp_path / "in").mkdir()
    with rasterio.open(tmp_path / "in" / "a.tif", "w", transform=place, **profile) as file:
        file.write(blue_green_red_near)
        kinds = rasterio.enums.ColorInterp
        file.colorinterp = [kinds.blue, kinds.green, kinds.red, kinds.undefined]
    hr = open_set(str(tmp_path / "in"), None, 2, 3)[0]["hr"]
    assert hr[:, 0, 0].tolist() == [30, 20, 10]
    assert open_set(str(tmp_path / "in"), None, 2, 1)[0]["hr"][0, 0, 0] == round(0.299 * 30 + 0.587 * 20 + 0.114 * 10)
    seen = []
    enlarger, run = models.load("nearest", 2), models.load("nearest", 2).run
    enlarger.channels, enlarger.run = 3, lambda lr: seen.append(lr) or run(lr)
    enlarge_file(tmp_path / "in" / "a.tif", tmp_path / "b.tif", enlarger, Options())
    assert (255 * seen[-2][0, :, 0, 0]).round().tolist() == [30, 20, 10]
    assert np.array_equal(rasterio.open(tmp_path / "b.tif").read()[:, ::2, ::2], blue_green_red_near)


def test_slices_of_volumes_find_their_partners_by_name_and_number(tmp_path):
    nibabel = pytest.importorskip("nibabel")

    def save(path, *levels):
        side = SIDE if "hr" in str(path) else SIDE // 2
        path.parent.mkdir(exist_ok=True)
        slices = np.stack([np.add.outer(np.linspace(0, 900, side), np.full(side, v)) for v in levels], -1)
        nibabel.save(nibabel.Nifti1Image(slices.astype(np.float32), np.diag([1, 1, 3, 1])), path)

    for name, base in (("a", 0), ("b", 100), ("c", 200)):
        save(tmp_path / "hr" / f"{name}.nii.gz", base, base + 10, base + 20)
        if name != "a":
            save(tmp_path / "lr" / f"{name}_x2.nii.gz", base, base + 10, base + 20)
    images = open_set({"hr": str(tmp_path / "hr"), "lr": str(tmp_path / "lr")}, None, 2, 1)
    assert images.names == [f"{name}[{i}]" for name in "abc" for i in range(3)]
    for i in range(9):
        if i < 3:
            with pytest.raises(ValueError, match=r"a\.nii\.gz: no such file"):
                images[i]
            continue
        item = images[i]
        assert item["lr"].mean().item() == pytest.approx(item["hr"].mean().item(), abs=1e-3)
    options = {"scale": 2, "channels": 1, "crop_px": 16, "batch_size": 1, "seed": 0, "workers": 0}
    paired = Paired(
        str(tmp_path / "hr"), str(tmp_path / "lr"), held_out_images=3, cache=str(tmp_path / "cache"), **options
    )
    hr, lr = paired.training()
    assert hr.names == ["c.nii.gz[0]", "c.nii.gz[1]", "c.nii.gz[2]"]  # all slices of b are held out
    assert lr.names == ["c_x2.nii.gz[0]", "c_x2.nii.gz[1]", "c_x2.nii.gz[2]"]
    assert lr.ranges[0].low == hr.ranges[0].low
