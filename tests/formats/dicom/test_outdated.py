import pytest

from sr.inference.files import enlarge_file
from sr.inference.pixels import Options

pydicom = pytest.importorskip("pydicom")
from pydicom.dataset import Dataset  # noqa: E402

from tests.formats.dicom.slices import random, save, slice_of  # noqa: E402


def test_signatures_histograms_and_curves_are_left_out_and_told(tmp_path, nearest):
    signature, code, histogram, other = (Dataset() for _ in range(4))
    signature.MACIDNumber, code.MACIDNumber, histogram.HistogramData, other.MACIDNumber = 1, 1, [24], 7
    other.ReferencedSOPInstanceUID = "1.2"
    data = slice_of(random(4, 6, 1), DigitalSignaturesSequence=[signature], MACParametersSequence=[code],
                    HistogramSequence=[histogram], ReferencedImageSequence=[other])  # fmt: skip
    other.DigitalSignaturesSequence = [Dataset()]  # of an item that stays as it is
    data.add_new((0x5000, 0x3000), "OW", b"\0\0")
    note = enlarge_file(save(tmp_path / "a.dcm", data), tmp_path / "b.dcm", nearest, Options())
    new = pydicom.dcmread(tmp_path / "b.dcm")
    for keyword in ("DigitalSignaturesSequence", "MACParametersSequence", "HistogramSequence"):
        assert keyword not in new
    assert (0x5000, 0x3000) not in new
    assert "DigitalSignaturesSequence" in new.ReferencedImageSequence[0]
    for what in ("digital signatures", "histograms", "curves"):
        assert f"{what} of the source are left out: they hold for its pixels" in note
    assert "left out" not in enlarge_file(save(tmp_path / "c.dcm", slice_of(random(4, 6, 1))), tmp_path / "d.dcm",
                                          nearest, Options())  # fmt: skip
