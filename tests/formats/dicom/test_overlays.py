"""Overlays lie on what they lay on; read back by pydicom itself."""

from pathlib import Path

import numpy as np
import pytest

from sr.inference.files import enlarge_file
from sr.inference.pixels import Options

pydicom = pytest.importorskip("pydicom")
from pydicom.data import get_testdata_file  # noqa: E402
from pydicom.pixels import pack_bits, pixel_array  # noqa: E402

from tests.formats.dicom.slices import enlarged, random, slice_of  # noqa: E402

PLANE = np.random.default_rng(1).integers(0, 2, (5, 6)).astype(np.uint8)


def drawn(data, plane=PLANE, origin=(1, 1), **more):
    """With an overlay in group 6002."""
    for element, kind, value in (
        (0x10, "US", plane.shape[-2]), (0x11, "US", plane.shape[-1]), (0x40, "CS", "G"), (0x50, "SS", list(origin)),
        (0x100, "US", 1), (0x102, "US", 0), (0x1301, "IS", int(plane.sum())), (0x3000, "OW", pack_bits(plane)),
        *more.get("elements", ()),
    ):  # fmt: skip
        data.add_new((0x6002, element), kind, value)
    return data


def test_a_real_one(tmp_path, nearest):
    source = get_testdata_file("examples_overlay.dcm", download=False)
    enlarge_file(Path(source), tmp_path / "b.dcm", nearest, Options())
    old, new = pydicom.dcmread(source), pydicom.dcmread(tmp_path / "b.dcm")
    assert np.array_equal(new.overlay_array(0x6000), old.overlay_array(0x6000).repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize("origin", [(1, 1), (2, 4), (-1, 0)])
def test_part_of_the_image(tmp_path, nearest, origin):
    new = enlarged(tmp_path, drawn(slice_of(random(8, 9, 1)), origin=origin), nearest)
    assert np.array_equal(new.overlay_array(0x6002), PLANE.repeat(2, 0).repeat(2, 1))
    assert list(new[0x6002, 0x50].value) == [2 * x - 1 for x in origin]
    assert new[0x6002, 0x1301].value == 4 * PLANE.sum()


def test_one_for_each_frame(tmp_path, nearest):
    planes = np.stack([PLANE, 1 - PLANE, PLANE])
    data = drawn(slice_of(random(3, 5, 6, 1), NumberOfFrames=3), planes, elements=[(0x15, "IS", 3)])
    made = enlarged(tmp_path, data, nearest).overlay_array(0x6002)
    assert np.array_equal(made, planes.repeat(2, 1).repeat(2, 2))


def test_in_bits_that_pixels_do_not_use(tmp_path, nearest):
    pixels = random(5, 6, 1, dtype=np.uint16, low=0, high=4096)
    data = drawn(slice_of(pixels, BitsStored=12, HighBit=11))
    data.PixelData = (pixels[..., 0] | PLANE.astype(np.uint16) << 13).tobytes()
    data[0x6002, 0x100].value, data[0x6002, 0x102].value = 16, 13
    del data[0x6002, 0x3000]
    new = enlarged(tmp_path, data, nearest)
    assert np.array_equal(pixel_array(new), pixels[..., 0].repeat(2, 0).repeat(2, 1))
    assert np.array_equal(new.overlay_array(0x6002), PLANE.repeat(2, 0).repeat(2, 1))


def test_one_that_is_damaged_is_told(tmp_path, nearest):
    data = drawn(slice_of(random(8, 9, 1)))
    data[0x6002, 0x3000].value = b"\0\0"
    data.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    note = enlarge_file(tmp_path / "a.dcm", tmp_path / "b.dcm", nearest, Options())
    assert "overlay 6002 is left out: it cannot be read" in note
    assert (0x6002, 0x10) not in pydicom.dcmread(tmp_path / "b.dcm")
