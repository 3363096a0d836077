"""The table is whole, names what PS3.6 names, and each of its attributes keeps its place in the image."""

import re
from itertools import cycle

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom")
from pydicom.datadict import DicomDictionary, dictionary_VM, dictionary_VR, keyword_dict  # noqa: E402
from pydicom.dataset import Dataset  # noqa: E402

from sr.formats.dicom import table  # noqa: E402
from sr.formats.dicom.geometry import scale_geometry  # noqa: E402
from sr.formats.dicom.overlays import GROUPS  # noqa: E402
from tests.formats.dicom.unscaled import STAYS  # noqa: E402

TABLES = (table.SPACING, table.PIXEL, table.INDEX, table.OFFSET, table.LENGTH, table.REGION, table.FROM_REFERENCE)
OF_PIXELS = {keyword: axes for one in TABLES for keyword, axes in one.items()}
SPATIAL = re.compile(
    "Pixel|(?<!Knowl)Edge|Vert(ex|ices)|Spacing|ImagePosition(?!Code)|ImageOrientation|Row|Column|HandCorner|Cursor"
    "|RegionLocation|RTImagePosition|Origin(?!al|at)|CenterOf|RadiusOfC|ALine|SeamLine|OverlayGroup|SampleVolume|TMLine"
    "|PhysicalDelta|PointLocation|SliceLocation|OffsetInSlide|AcquisitionMatrix|AnatomicReferencePoint|SubPixel"
    "|TwoDimensionalToThree.*Data|StructureReferencePoint|Subject(Area|Location)|CurvatureLocation|VertexLocation|OCTZ"
)  # of names; what is counted in pixels, or places the image, has one of these in it
NUMBERS = {"IS", "DS", "FL", "FD", "SS", "US", "SL", "UL", "OF", "OL", "OB", "OW", "SQ", "OB or OW", "US or SS", "OD"}


def test_no_attribute_was_overlooked():
    known = {*OF_PIXELS, *table.POSITION, table.MAP, *" ".join(STAYS.values()).split()}
    named = {keyword for vr, _, _, retired, keyword in DicomDictionary.values()
             if vr in NUMBERS and not retired and SPATIAL.search(keyword)}  # fmt: skip
    assert named - known == set()  # a new one: read in PS3.3 what it counts, and put it here or there
    assert set(keyword_dict) >= known


def test_none_is_in_two_tables():
    names = [name for one in (*TABLES, table.POSITION) for name in one] + " ".join(STAYS.values()).split()
    assert len(names) == len(set(names))


@pytest.mark.parametrize("keyword", OF_PIXELS)
def test_axes_are_as_many_as_the_values(keyword):
    least = dictionary_VM(keyword).split("-")[0]
    assert len(OF_PIXELS[keyword]) == int(least) or keyword == "SubjectArea"


@pytest.mark.parametrize("name", table.OF_THIS_IMAGE)
def test_sequences_are_sequences(name):
    assert dictionary_VR(name) == "SQ"


def edges(keyword: str, x: float) -> tuple[float, float]:
    """Where a value points at, from the outer corner of the image, in pixels: the two edges of a pixel, or a point."""
    if keyword in table.PIXEL:
        return x - 1, x
    return (x, x + 1) if keyword in table.INDEX else (x, x)


@pytest.mark.parametrize("keyword", [*table.PIXEL, *table.INDEX, *table.OFFSET, *table.LENGTH])
@pytest.mark.parametrize("factors", [(2, 2), (3, 1.5)])
def test_what_is_counted_points_at_the_same_place(keyword, factors):
    down, across = factors
    data, axes = Dataset(), OF_PIXELS[keyword]
    old = [float(3 + 2 * i) for i in range(len(axes))]
    whole = dictionary_VR(keyword) in ("IS", "SS", "US", "SL", "UL")
    setattr(data, keyword, [int(x) for x in old] if whole and len(old) > 1 else int(old[0]) if whole else old)
    scale_geometry(data, down, across)
    new = np.atleast_1d(np.array(data[keyword].value, float))
    for before, after, axis in zip(old, new, cycle(axes), strict=False):
        middle = sum(edges(keyword, before)) / 2 * (down if axis == "D" else across)
        assert abs(sum(edges(keyword, after)) / 2 - middle) <= (0.5 if whole else 1e-5), (before, after)


@pytest.mark.parametrize("keyword", table.SPACING)
def test_distances_span_the_same_length(keyword):
    data, axes = Dataset(), table.SPACING[keyword]
    setattr(data, keyword, [0.6, 0.4][: len(axes)] if len(axes) > 1 else 0.6)
    scale_geometry(data, 3, 2)
    new = np.atleast_1d(np.array(data[keyword].value, float))
    assert new == pytest.approx([old / {"D": 3, "A": 2}[axis] for old, axis in zip((0.6, 0.4), axes, strict=False)])


@pytest.mark.parametrize("keyword", table.POSITION)
def test_positions_are_those_of_the_new_first_pixel(keyword):
    orientation, usual = table.POSITION[keyword]
    count = int(dictionary_VM(keyword))
    for given in (usual, (0.6, 0.8, 0, 0, 0, -1)):
        data = Dataset()
        setattr(data, keyword, [10, 20, 30][:count])
        data.PixelSpacing = [0.8, 0.4]
        if given is None:
            assert scale_geometry(data, 2, 2) == [
                f"{keyword} is kept as it was: the file does not say in which direction it lies"
            ]
            assert [float(x) for x in data[keyword].value] == [10, 20, 30]
            continue
        if given != usual:
            setattr(data, orientation, list(given))
        assert scale_geometry(data, 2, 4) == []
        # Half of a new pixel less half of an old one: -0.2 mm down, -0.15 mm across
        expected = [10 - 0.15 * given[0] - 0.2 * given[3], 20 - 0.15 * given[1] - 0.2 * given[4],
                    30 - 0.15 * given[2] - 0.2 * given[5]]  # fmt: skip
        assert [float(x) for x in data[keyword].value] == pytest.approx(expected[:count])


def test_overlay_groups_are_those_of_the_standard():
    assert len(GROUPS) == 16  # 6000 to 601E, even numbers
