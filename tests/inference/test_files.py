"""What becomes of which file: kinds, names and refusals, told in one sentence each."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from sr.errors import UserError
from sr.formats import is_known, kind_of, made_name
from sr.inference import files
from sr.inference.files import enlarge_file, map_beside
from sr.inference.pixels import Options


def refused(source, target, enlarger, message, **options) -> None:
    """And nothing is written, nor harmed."""
    before = {path: path.read_bytes() for path in source.parent.iterdir()}
    with pytest.raises(UserError, match=message) as told:
        enlarge_file(source, target, enlarger, Options(**options))
    assert "\n" not in str(told.value)
    assert {path: path.read_bytes() for path in source.parent.iterdir()} == before


def picture(path, frames=1):
    images = [Image.fromarray(np.full((6, 8, 3), 60 * i + 20, np.uint8)) for i in range(frames)]
    images[0].save(path, **({"save_all": True, "append_images": images[1:], "duration": 50} if frames > 1 else {}))
    return path


def clip(path):
    av = pytest.importorskip("av")
    with av.open(path, "w") as file:
        stream = file.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 16, "yuv420p"
        for i in range(3):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((16, 32, 3), 50 * i, np.uint8))))
        file.mux(stream.encode(None))
    return path


def dicom_file(path):
    pydicom = pytest.importorskip("pydicom")
    meta = pydicom.dataset.FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    data = pydicom.Dataset()
    data.file_meta, data.SOPClassUID, data.SOPInstanceUID = meta, meta.MediaStorageSOPClassUID, "1.2.3"
    data.Rows, data.Columns, data.SamplesPerPixel, data.PhotometricInterpretation = 6, 8, 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 16
    data.PixelSpacing = [0.5, 0.5]
    data.HighBit, data.PixelRepresentation = 15, 0
    data.PixelData = np.arange(48, dtype=np.uint16).tobytes()
    data.save_as(path, enforce_file_format=True)
    return path


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.png", "picture"), ("a.JPG", "picture"), ("a.jp2", "picture"), ("a.gif", "picture"), ("a.tif", "picture"),
     ("a.mp4", "video"), ("a.MKV", "video"), ("a.nii", "volume"), ("a.NII.GZ", "volume"), ("a.dcm", "dicom"),
     ("a.gz", ""), ("a.txt", ""), ("a", "")],
)  # fmt: skip
def test_kinds_by_name(name, kind):
    assert kind_of(Path(name)) == kind


@pytest.mark.parametrize(
    ("name", "made"),
    [("a.png", "a_x2.png"), ("a.b.JPG", "a.b_x2.JPG"), ("a.nii.gz", "a_x2.nii.gz"), ("a.nii", "a_x2.nii"),
     ("a.NII.GZ", "a_x2.NII.GZ"), ("a.jp2", "a_x2.tif"), ("a.JP2", "a_x2.tif"), ("a.mkv", "a_x2.mkv")],
)  # fmt: skip
def test_names_of_what_is_made(tmp_path, name, made):
    assert made_name(tmp_path / name, "_x2") == made
    assert kind_of(Path(made)) == kind_of(Path(name))


def test_dicom_without_a_suffix_is_known_and_gets_one(tmp_path, nearest):
    for name in ("IM0001", "1.2.840.7"):
        source = dicom_file(tmp_path / name)
        assert is_known(source)
        assert made_name(source, "_x2") == f"{name}_x2.dcm"
        assert enlarge_file(source, tmp_path / made_name(source, "_x2"), nearest, Options()).startswith("range ")
        assert is_known(tmp_path / f"{name}_x2.dcm")
    assert made_name(dicom_file(tmp_path / "a.dcm")) == "a.dcm"
    (tmp_path / "text").write_text("no picture")
    assert not is_known(tmp_path / "text")
    (tmp_path / "folder.png").mkdir()
    assert not is_known(tmp_path / "folder.png")


def test_maps_lie_beside(tmp_path):
    assert map_beside(tmp_path / "a.nii.gz", ".nii.gz") == tmp_path / "a.nii.gz.invented.nii.gz"


def test_what_is_not_there_is_told(tmp_path, nearest):
    for name in ("a.png", "a.mp4", "a.nii.gz", "a.dcm", "a"):
        refused(tmp_path / name, tmp_path / "b.png", nearest, rf"{name}: no such file")


def test_another_kind_of_file_is_refused(tmp_path, nearest):
    refused(clip(tmp_path / "a.mp4"), tmp_path / "a.gif", nearest, r"cannot become a\.gif, which is another kind")
    refused(picture(tmp_path / "b.gif", 3), tmp_path / "b.mp4", nearest, r"cannot become b\.mp4, which is another kind")
    refused(picture(tmp_path / "c.png"), tmp_path / "c.mp4", nearest, r"cannot write '\.mp4' files")
    refused(dicom_file(tmp_path / "IM1"), tmp_path / "d.png", nearest, r"cannot become d\.png, which is another kind")


def test_a_volume_becomes_no_picture(tmp_path, nearest):
    nibabel = pytest.importorskip("nibabel")
    nibabel.save(nibabel.Nifti1Image(np.ones((6, 5, 4), np.float32), np.eye(4)), tmp_path / "a.nii.gz")
    refused(tmp_path / "a.nii.gz", tmp_path / "a.png", nearest, r"cannot become a\.png, which is another kind")


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp"])
def test_what_moves_becomes_nothing_that_does_not(tmp_path, nearest, name):
    source = picture(tmp_path / name, 3)
    refused(source, tmp_path / "b.jpg", nearest, r"an animation, which \.jpg cannot hold; name a \.gif")
    assert enlarge_file(source, tmp_path / "b.gif", nearest, Options()) == "3 frames"


def test_a_still_picture_may_become_another_kind_of_picture(tmp_path, nearest):
    assert enlarge_file(picture(tmp_path / "a.png"), tmp_path / "b.jpg", nearest, Options()) == ""
    assert Image.open(tmp_path / "b.jpg").size == (16, 12)


def test_no_map_is_made_of_what_moves(tmp_path, nearest):
    message = "of still images alone; leave out --uncertainty"
    refused(clip(tmp_path / "a.mp4"), tmp_path / "b.mp4", nearest, message, uncertainty=True)
    refused(picture(tmp_path / "a.gif", 3), tmp_path / "b.gif", nearest, message, uncertainty=True)


def test_what_would_not_fit_into_memory_is_refused_beforehand(tmp_path, nearest, monkeypatch):
    sources = [picture(tmp_path / "a.png"), picture(tmp_path / "a.gif", 3), clip(tmp_path / "a.mp4"),
               dicom_file(tmp_path / "a.dcm")]  # fmt: skip
    free = 3 * 32 * 64 * 4 * 3 + 32 * 64 * 4 * 3  # what the largest, the clip, takes
    monkeypatch.setattr(files, "free_bytes", lambda _: free)
    for source in sources:
        enlarge_file(source, tmp_path / f"b{source.suffix}", nearest, Options())
        (tmp_path / f"b{source.suffix}").unlink()
    monkeypatch.setattr(files, "free_bytes", lambda _: 2000)
    for source in sources:
        refused(source, tmp_path / f"b{source.suffix}", nearest, rf"{source.name}: \d+x\d+ pixels would need .* GB")
    monkeypatch.setattr(files, "free_bytes", lambda _: free)
    refused(sources[2], tmp_path / "b.mp4", nearest, "256x128 pixels would need", scale=8)


def test_a_volume_that_would_not_fit_is_refused_beforehand(tmp_path, nearest, monkeypatch):
    nibabel = pytest.importorskip("nibabel")
    nibabel.save(nibabel.Nifti1Image(np.ones((10, 8, 3), np.uint8), np.diag([1, 1, 3, 1])), tmp_path / "a.nii.gz")
    for axis, needed in (("z", 10 * 8 * 3 * 4), ("all", 10 * 8 * 3 * 8 * 13)):
        monkeypatch.setattr(files, "free_bytes", lambda _, free=needed: free)
        enlarge_file(tmp_path / "a.nii.gz", tmp_path / "b.nii.gz", nearest, Options(axis=axis))
        (tmp_path / "b.nii.gz").unlink()
        monkeypatch.setattr(files, "free_bytes", lambda _, free=needed - 1: free)
        refused(tmp_path / "a.nii.gz", tmp_path / "b.nii.gz", nearest, r"a\.nii\.gz: would need .* GB", axis=axis)


def test_several_pages_are_no_picture(tmp_path, nearest):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((2, 30, 40, 3), np.uint8), photometric="rgb")
    refused(tmp_path / "a.tif", tmp_path / "b.tif", nearest, r"a\.tif: .* not that of one image")
