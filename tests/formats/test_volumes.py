"""Volumes of other programs become NIfTI: their voxels, where they lay, read back by SimpleITK and nibabel."""

import gzip

import numpy as np
import pytest

from sr import formats
from sr.errors import UserError
from sr.inference.files import enlarge_file
from sr.inference.pixels import Options

nib = pytest.importorskip("nibabel")
VOXELS = np.random.default_rng(0).integers(-900, 1500, (6, 5, 4)).astype(np.int16)
OBLIQUE = np.array([[-0.8, 0.1, 0.3, 90], [0.05, 0.9, -0.5, -120], [0.1, 0.3, 2.4, 33], [0, 0, 0, 1]])


def enlarged(source, enlarger):
    assert formats.is_known(source)
    target = source.with_name("made_" + formats.made_name(source))
    assert target.name.endswith(".nii.gz")
    note = enlarge_file(source, target, enlarger, Options(axis="z"))
    return nib.load(target), note


def corners(image):
    ends = np.array([[-0.5] * 3, [n - 0.5 for n in image.shape[:3]]])
    return nib.affines.apply_affine(image.affine, ends)


@pytest.mark.parametrize("name", ["a.nrrd", "a.nhdr", "a.mha", "a.mhd"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.float32])
def test_what_itk_writes(tmp_path, nearest, name, packed, dtype):
    sitk = pytest.importorskip("SimpleITK")
    voxels = VOXELS.astype(dtype)
    image = sitk.GetImageFromArray(voxels.transpose())
    turned = np.linalg.qr(OBLIQUE[:3, :3])[0]
    turned[:, 0] *= np.linalg.det(turned)
    image.SetDirection(turned.ravel().tolist())
    image.SetSpacing((0.7, 0.9, 2.5))
    image.SetOrigin((10.5, -20, 30))
    sitk.WriteImage(image, str(tmp_path / name), useCompression=packed)
    made, note = enlarged(tmp_path / name, nearest)
    assert made.get_data_dtype() == dtype
    np.testing.assert_allclose(made.dataobj, voxels.repeat(2, 0).repeat(2, 1), atol=1e-3 * (dtype is np.float32))
    assert "becomes NIfTI" in note
    back = sitk.ReadImage(made.get_filename())
    for old, new in (((-0.5,) * 3, (-0.5,) * 3), ((5.5, 4.5, 3.5), (11.5, 9.5, 3.5))):
        here, there = (one.TransformContinuousIndexToPhysicalPoint(at) for one, at in ((image, old), (back, new)))
        np.testing.assert_allclose(here, there, atol=1e-3)


@pytest.mark.parametrize("name", ["a.mgz", "a.mgh"])
def test_what_freesurfer_writes(tmp_path, nearest, name):
    old = nib.MGHImage(VOXELS.astype(np.float32), OBLIQUE)
    nib.save(old, tmp_path / name)
    made, _ = enlarged(tmp_path / name, nearest)
    np.testing.assert_allclose(made.dataobj, VOXELS.repeat(2, 0).repeat(2, 1), atol=1e-3)
    np.testing.assert_allclose(corners(made), corners(nib.load(tmp_path / name)), atol=1e-3)


@pytest.mark.parametrize("kind", [nib.Nifti1Pair, nib.Nifti2Pair])
@pytest.mark.parametrize("packed", [False, True])
def test_pairs(tmp_path, nearest, kind, packed):
    old = kind(VOXELS, OBLIQUE)
    old.set_qform(OBLIQUE, 1, strip_shears=True)
    old.header.set_slope_inter(0.25, -10)
    old.header["descrip"] = b"of a hospital"
    nib.save(old, tmp_path / "a.hdr")
    stored = np.asarray(nib.load(tmp_path / "a.hdr").dataobj.get_unscaled())
    before = nib.load(tmp_path / "a.hdr")
    codes = [(int(before.header[f"{form}form_code"])) for form in "qs"]
    where = corners(before)
    assert not formats.is_known(tmp_path / "a.img")  # the other half of one file
    if packed:
        (tmp_path / "a.img.gz").write_bytes(gzip.compress((tmp_path / "a.img").read_bytes()))
        (tmp_path / "a.img").unlink()
    made, _ = enlarged(tmp_path / "a.hdr", nearest)
    assert np.array_equal(made.dataobj.get_unscaled(), stored.repeat(2, 0).repeat(2, 1))
    assert (made.dataobj.slope, made.dataobj.inter) == (0.25, -10)
    assert [int(made.header[f"{form}form_code"]) for form in "qs"] == codes
    assert made.header["descrip"] == b"of a hospital"
    np.testing.assert_allclose(corners(made), where, atol=1e-3)


def test_headers_of_other_kinds(tmp_path, nearest):
    nib.save(nib.AnalyzeImage(VOXELS, np.eye(4)), tmp_path / "a.hdr")
    nib.save(nib.Nifti1Pair(VOXELS, np.eye(4)), tmp_path / "b.hdr")
    (tmp_path / "b.img").unlink()
    (tmp_path / "c.hdr").write_bytes(b"#?RADIANCE\n" + bytes(400))
    for name, message in (("a", "Analyze 7.5"), ("b", "its voxels are missing: b.img")):
        with pytest.raises(UserError, match=message):
            formats.open(tmp_path / f"{name}.hdr")
    with pytest.raises(formats.NoImage):
        formats.open(tmp_path / "c.hdr")


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha", "a.mgz", "a.img.gz"])
def test_damage_is_refused(tmp_path, nearest, name):
    sitk = pytest.importorskip("SimpleITK")
    if name in ("a.nrrd", "a.mha"):
        sitk.WriteImage(sitk.GetImageFromArray(VOXELS), str(tmp_path / name), useCompression=True)
    elif name == "a.mgz":
        nib.save(nib.MGHImage(VOXELS, OBLIQUE), tmp_path / name)
    else:
        nib.save(nib.Nifti1Pair(VOXELS, OBLIQUE), tmp_path / "a.hdr")
        (tmp_path / name).write_bytes(gzip.compress((tmp_path / "a.img").read_bytes()))
        (tmp_path / "a.img").unlink()
    content = bytearray((tmp_path / name).read_bytes())
    source = tmp_path / ("a.hdr" if name == "a.img.gz" else name)
    formats.open(source).close()
    content[-6 if name != "a.mha" else -1] ^= 1  # of the checksum
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match="no volume that can be read"):
        formats.open(source)
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="no volume that can be read"):
        formats.open(source)


def test_it_becomes_nothing_else(tmp_path, nearest):
    nib.save(nib.MGHImage(VOXELS, OBLIQUE), tmp_path / "a.mgz")
    with pytest.raises(UserError, match=r"a volume becomes NIfTI; name a \.nii\.gz"):
        enlarge_file(tmp_path / "a.mgz", tmp_path / "b.mgz", nearest, Options())


HEADERS = {"a.mhd": ("NDims = 3", "DimSize = 4 5 6", "ElementType = MET_UCHAR"),
           "a.nhdr": ("NRRD0004", "type: uchar", "dimension: 3", "sizes: 4 5 6", "encoding: raw")}  # fmt: skip


def header(folder, name, *lines):
    """A header of 4 x 5 x 6 bytes, which follow 8 other bytes in a.raw; of what is said twice the last counts."""
    (folder / "a.raw").write_bytes(b"x" * 8 + np.arange(120, dtype=np.uint8).tobytes())
    (folder / name).write_text("\n".join([*HEADERS[name], *lines, *[""] * (name == "a.nhdr")]) + "\n")
    return folder / name


@pytest.mark.parametrize(("name", "lines"), [
    ("a.mhd", ["HeaderSize = 8", "ElementDataFile = a.raw"]), ("a.mhd", ["HeaderSize = -1", "ElementDataFile = a.raw"]),
    ("a.nhdr", ["byte skip: 8", "data file: a.raw"]), ("a.nhdr", ["byte skip: -1", "data file: a.raw"])])  # fmt: skip
def test_where_voxels_begin(tmp_path, name, lines):
    sitk = pytest.importorskip("SimpleITK")
    with formats.open(header(tmp_path, name, *lines)) as file:
        read = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / name))).transpose()
        assert np.array_equal(file.voxels[..., 0], read)
        assert read[0, 0, 0] == 0


@pytest.mark.parametrize(("name", "lines", "message"), [
    ("a.mhd", ["ElementDataFile = ../b/a.raw"], r"come from \.\./b/a\.raw, outside of its folder"),
    ("a.nhdr", ["data file: /etc/hostname"], "come from /etc/hostname, outside of its folder"),
    ("a.nhdr", ["data file: LIST", "a.raw"], "in several files"), ("a.mhd", ["ElementDataFile ="], "no file is named"),
    ("a.mhd", ["BinaryData = False", "ElementDataFile = a.raw"], "voxels as text"),
    ("a.mhd", ["ElementType = MET_FLOAT", "ElementDataFile = a.raw"], "128 bytes of voxels where 480 are needed"),
    ("a.mhd", ["ElementType = MET_STRING", "ElementDataFile = a.raw"], "voxels of the type MET_STRING"),
    ("a.mhd", ["DimSize = 4 -5 6", "ElementDataFile = a.raw"], "each has to be 1 or more"),
    ("a.nhdr", ["encoding: text", "data file: a.raw"], "encoding text; raw, gzip"),
    ("a.nhdr", ["type: block", "data file: a.raw"], "voxels of the type block")])  # fmt: skip
def test_headers_that_cannot_be_followed(tmp_path, name, lines, message):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "a.raw").write_bytes(bytes(120))
    with pytest.raises(UserError, match=message):
        formats.open(header(tmp_path, name, *lines))


def test_a_header_that_lacks_what_is_needed(tmp_path):
    (tmp_path / "a.nrrd").write_bytes(b"NRRD0004\nsizes: 2 2 2\n\n" + bytes(8))
    with pytest.raises(UserError, match="its header lacks type, encoding"):
        formats.open(tmp_path / "a.nrrd")


@pytest.mark.parametrize("said", [
    "spacings: nan 0.5 2", "spacings: nan 0.5 2 4", "space directions: none (0.5,0) (0,2)", "spacings: 0.5 2",
    "spacings: 0.5 2 4"])  # fmt: skip
def test_planes_and_colours_of_nrrd(tmp_path, said):
    """An axis of values goes behind three axes of space."""
    colours = "n" in said.split(":")[1]
    size = ([3] if colours else []) + [4, 5] + ([6] if "4" in said.split(":")[1] else [])
    values = np.arange(np.prod(size), dtype=np.uint8).reshape(size, order="F")
    space = "space dimension: 2\n" if "directions" in said else ""
    head = f"NRRD0004\ntype: uchar\n{space}dimension: {len(size)}\nsizes: {' '.join(map(str, size))}\n{said}\n"
    (tmp_path / "a.nrrd").write_bytes(f"{head}encoding: raw\n\n".encode() + values.tobytes(order="F"))
    expected = np.moveaxis(values, 0, -1) if colours else values[..., None]
    with formats.open(tmp_path / "a.nrrd") as file:
        assert np.array_equal(file.voxels, expected if expected.ndim == 4 else expected[:, :, None])
        assert file.spacing == (0.5, 2, 4 if "4" in said else 1)


def test_bytes_are_skipped_in_what_is_unpacked(tmp_path):
    """As teem and pynrrd do."""
    values = np.arange(24, dtype=">i8").reshape(2, 3, 4, order="F")
    head = "NRRD0004\ntype: int64\ndimension: 3\nsizes: 2 3 4\nendian: big\nencoding: gzip\nbyte skip: 5\n\n"
    (tmp_path / "a.nrrd").write_bytes(head.encode() + gzip.compress(b"12345" + values.tobytes(order="F") + b"more"))
    with formats.open(tmp_path / "a.nrrd") as file:
        assert file.voxels.dtype == np.int64
        assert np.array_equal(file.voxels[..., 0], values)
