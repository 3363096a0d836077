import re
from pathlib import Path

import numpy as np
import pytest

from sr import formats, upscale
from sr.errors import UserError
from sr.inference.files import enlarge_file
from sr.inference.pixels import Options

pydicom = pytest.importorskip("pydicom")
from pydicom.data import get_testdata_file  # noqa: E402
from pydicom.pixels import pack_bits  # noqa: E402

from tests.formats.dicom.slices import random, save, slice_of, without_place  # noqa: E402


def refused(tmp_path, source, enlarger) -> str:
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UserError) as error:
        enlarge_file(source, tmp_path / "out.dcm", enlarger, Options())
    assert str(error.value).startswith(f"{source}: ")
    assert "\n" not in str(error.value)
    assert sorted(tmp_path.iterdir()) == before  # nothing half-written
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rtplan.dcm", "no image, but RT Plan"),
        ("reportsi.dcm", "no image, but Basic Text SR"),
        ("DICOMDIR", "no image, but Media Storage Directory"),
        ("MR_truncated.dcm", "cannot be decoded"),
        ("badVR.dcm", "a dose distribution"),
        ("no_meta.dcm", "not DICOM"),
        ("image_dfl.dcm", "how far apart its pixels lie"),
    ],
)
def test_what_cannot_be_enlarged_rightly_is_refused(tmp_path, nearest, name, message):
    assert message in refused(tmp_path, Path(get_testdata_file(name, download=False)), nearest)


@pytest.mark.parametrize(
    ("keyword", "value", "message"),
    [
        ("PixelSpacing", None, "how far apart its pixels lie.*--spacing 0.5, or --spacing pixels"),
        ("PixelSpacing", [0, 0], "how far apart its pixels lie"),
        ("Modality", "RTDOSE", "a dose distribution"),
        ("TotalPixelMatrixColumns", 4000, "a slide in tiles"),
        ("PhotometricInterpretation", "YBR_PARTIAL_420", "gray, RGB, YBR and palettes"),
        ("PhotometricInterpretation", "CMYK", "gray, RGB, YBR and palettes"),
        ("Rows", 300, "cannot be decoded"),
        ("SamplesPerPixel", [1, 1], "a damaged header"),
    ],
)
def test_one_wrong_element_is_enough(tmp_path, nearest, keyword, value, message):
    source = save(tmp_path / "a.dcm", slice_of(random(4, 6, 1), **{keyword: value}))
    assert re.search(message, refused(tmp_path, source, nearest))


def unmeasured(tmp_path, name="a.dcm"):
    return save(tmp_path / name, without_place(random(4, 6, 1), DerivationDescription="denoised"))


def test_a_spacing_that_the_file_does_not_say_is_given(tmp_path, nearest):
    enlarge_file(unmeasured(tmp_path), tmp_path / "b.dcm", nearest, Options(spacing=(0.5, 0.2)))
    made = pydicom.dcmread(tmp_path / "b.dcm")
    assert [float(x) for x in made.PixelSpacing] == [0.25, 0.1]
    assert made.DerivationDescription == (
        "denoised; enlarged from 6x4 to 12x8 pixels by nearest; from a spacing of 0.5 x 0.2 mm that the user gave"
    )


def test_or_it_is_said_that_there_is_none(tmp_path, nearest):
    enlarge_file(unmeasured(tmp_path), tmp_path / "b.dcm", nearest, Options(spacing="pixels"))
    made = pydicom.dcmread(tmp_path / "b.dcm")
    assert "PixelSpacing" not in made
    assert made.DerivationDescription.endswith("by nearest; of unknown spacing")


def test_a_spacing_that_the_file_says_is_kept(tmp_path, nearest):
    source = save(tmp_path / "a.dcm", slice_of(random(4, 6, 1)))
    note = enlarge_file(source, tmp_path / "b.dcm", nearest, Options(spacing=(9, 9)))
    assert "says itself how far apart its pixels lie: --spacing is not used" in note
    assert pydicom.dcmread(tmp_path / "b.dcm").PixelSpacing == [0.4, 0.25]


def test_pixels_are_read_without_a_spacing_to_train_on_them(tmp_path):
    with formats.open(unmeasured(tmp_path)) as file:
        assert file.spacing is None
        assert file.read().shape == (4, 6, 1)


def test_the_command_takes_a_spacing(tmp_path, capsys):
    source, out = str(unmeasured(tmp_path)), str(tmp_path / "out")
    how = ["-o", out, "--model", "bicubic", "--scale", "2", "--overwrite"]
    assert upscale.main([source, *how, "--spacing", "0.5"]) == 0
    assert pydicom.dcmread(tmp_path / "out" / "a_x2.dcm").PixelSpacing == [0.25, 0.25]
    assert upscale.main([source, *how, "--spacing", "0.5", "0.4"]) == 0
    assert pydicom.dcmread(tmp_path / "out" / "a_x2.dcm").PixelSpacing == [0.25, 0.2]
    assert upscale.main([source, *how, "--spacing", "pixels"]) == 0
    for wrong in (["0"], ["much"], ["1", "2", "3"], ["nan"]):
        assert upscale.main([source, *how, "--spacing", *wrong]) == 1
        assert "spacing" in capsys.readouterr().err


def test_other_files_by_that_name_are_refused(tmp_path, nearest):
    for name, content in (("text.dcm", b"no DICOM at all"), ("empty.dcm", b""), ("short.dcm", b"\0" * 128 + b"DICM")):
        (tmp_path / name).write_bytes(content)
        refused(tmp_path, tmp_path / name, nearest)
    whole = save(tmp_path / "whole.dcm", slice_of(random(40, 60, 1))).read_bytes()
    (tmp_path / "cut.dcm").write_bytes(whole[: len(whole) // 2])
    refused(tmp_path, tmp_path / "cut.dcm", nearest)


@pytest.mark.parametrize("name", ["liver_1frame.dcm", "examples_palette.dcm"])
def test_a_real_segmentation_and_a_real_palette(tmp_path, bicubic, name):
    source = Path(get_testdata_file(name, download=False))
    note = enlarge_file(source, tmp_path / "b.dcm", bicubic, Options())
    old, made = pydicom.dcmread(source), pydicom.dcmread(tmp_path / "b.dcm")
    assert f"labels ({'a segmentation' if 'liver' in name else 'indices into a palette'}), by nearest" in note
    assert np.array_equal(made.pixel_array, old.pixel_array.repeat(2, 0).repeat(2, 1))
    for keyword in ("PhotometricInterpretation", "BitsAllocated", "BitsStored", "SegmentSequence",
                    "RedPaletteColorLookupTableDescriptor", "RedPaletteColorLookupTableData"):  # fmt: skip
        assert made.get(keyword) == old.get(keyword)


def test_bits_of_several_frames_stay_in_a_row(tmp_path, bicubic):
    """Nine bits a frame: frames do not begin with a byte (PS3.5, 8.1.1)."""
    bits = random(3, 3, 3, 1, dtype=np.uint8, low=0, high=2)
    data = slice_of(bits, NumberOfFrames=3, BitsAllocated=1, BitsStored=1, HighBit=0)
    data.PixelData = pack_bits(bits)
    note = enlarge_file(save(tmp_path / "a.dcm", data), tmp_path / "b.dcm", bicubic, Options(scale=3))
    assert "labels (of one bit), by nearest" in note
    made = pydicom.dcmread(tmp_path / "b.dcm")
    assert (made.Rows, made.Columns, len(made.PixelData)) == (9, 9, 32)  # 243 bits, padded to an even number of bytes
    assert np.array_equal(made.pixel_array, bits[..., 0].repeat(3, 1).repeat(3, 2))


def test_padding_among_labels(tmp_path, bicubic):
    pixels = random(6, 7, 1, dtype=np.int16, low=0, high=3)
    data = slice_of(pixels, Modality="SEG", PixelPaddingValue=1)
    enlarge_file(save(tmp_path / "a.dcm", data), tmp_path / "b.dcm", bicubic, Options())
    assert np.array_equal(pydicom.dcmread(tmp_path / "b.dcm").pixel_array, pixels[..., 0].repeat(2, 0).repeat(2, 1))


def test_indices_are_never_amounts(tmp_path, bicubic):
    source = save(tmp_path / "a.dcm", slice_of(random(4, 6, 1), PhotometricInterpretation="PALETTE COLOR"))
    with pytest.raises(UserError, match="indices into a palette, which cannot be interpolated; leave out --labels no"):
        enlarge_file(source, tmp_path / "b.dcm", bicubic, Options(labels="no"))
    assert not (tmp_path / "b.dcm").exists()


def test_the_name_of_what_is_no_image_may_be_damaged(tmp_path, nearest):
    data = slice_of(random(4, 6, 1))
    del data.PixelData, data.Rows
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = "1.2.840"
    source = save(tmp_path / "a.dcm", data)
    source.write_bytes(source.read_bytes().replace(b"1.2.840\0", b"1.2.\n\x01\x02\0"))
    assert refused(tmp_path, source, nearest).endswith("no image, but an object of an unknown kind")
