"""Volumes: the voxels lie where they lay, and mean what they meant; read back by nibabel itself."""

import gzip

import numpy as np
import pytest

from sr import formats
from sr.errors import UserError
from sr.inference.files import enlarge_file
from sr.inference.pixels import Options

nib = pytest.importorskip("nibabel")

OBLIQUE = np.array([[-0.8, 0.1, 0.3, 90], [0.05, 0.9, -0.5, -120], [0.1, 0.3, 2.4, 33], [0, 0, 0, 1]])


def voxels(*shape, dtype=np.int16, low=-1000, high=1500):
    return np.random.default_rng(0).integers(low, high, shape).astype(dtype)


def save(path, data, affine=OBLIQUE, kind=nib.Nifti1Image, **header):
    image = kind(data, affine)
    image.set_sform(affine, 2)
    image.set_qform(affine, 0)
    for key, value in header.items():
        image.header[key] = value
    nib.save(image, path)
    return path


def corners(image):
    """Of the volume, in millimetres: those of its first and its last voxel, outer ones."""
    ends = np.array([[-0.5] * 3, [n - 0.5 for n in (*image.shape, 1)[:3]]])
    return nib.affines.apply_affine(image.affine, ends)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("axis", ["x", "y", "z", "all"])
def test_the_volume_stays_where_it_is(tmp_path, nearest, axis, suffix):
    source = save(tmp_path / f"a{suffix}", voxels(6, 5, 4))
    enlarge_file(source, tmp_path / f"b{suffix}", nearest, Options(axis=axis))
    old, new = nib.load(source), nib.load(tmp_path / f"b{suffix}")
    factors = [1 if letter == axis else 2 for letter in "xyz"]
    assert new.shape == tuple(n * f for n, f in zip(old.shape, factors, strict=True))
    np.testing.assert_allclose(corners(new), corners(old), atol=1e-4)
    np.testing.assert_allclose(new.header.get_zooms(), np.array(old.header.get_zooms()) / factors, rtol=1e-6)
    packed = (tmp_path / f"b{suffix}").read_bytes()[:2] == b"\x1f\x8b"
    assert packed == (suffix == ".nii.gz")


def test_slices_along_one_axis_are_those_of_the_enlarger(tmp_path, nearest):
    data = voxels(6, 5, 4)
    save(tmp_path / "a.nii", data)
    for axis, name in enumerate("xyz"):
        enlarge_file(tmp_path / "a.nii", tmp_path / "b.nii", nearest, Options(axis=name))
        expected = data
        for other in {0, 1, 2} - {axis}:
            expected = expected.repeat(2, other)
        assert np.array_equal(nib.load(tmp_path / "b.nii").dataobj, expected)


def test_both_frames_of_reference_move_with_their_codes(tmp_path, nearest):
    rigid = np.diag([-1.5, 1.5, 3, 1.0])
    rigid[:3, 3] = 10, 20, 30
    for qcode, scode in ((1, 0), (0, 4), (1, 2), (0, 0)):
        image = nib.Nifti1Image(voxels(6, 5, 4), rigid)
        image.set_qform(rigid, qcode)
        image.set_sform(OBLIQUE, scode)
        nib.save(image, tmp_path / "a.nii")
        enlarge_file(tmp_path / "a.nii", tmp_path / "b.nii", nearest, Options(axis="z"))
        old, new = nib.load(tmp_path / "a.nii"), nib.load(tmp_path / "b.nii")
        assert (int(new.header["qform_code"]), int(new.header["sform_code"])) == (qcode, scode)
        np.testing.assert_allclose(corners(new), corners(old), atol=1e-4)
        if qcode and scode:  # nibabel shows one of both
            at = new.get_qform() @ [-0.5, -0.5, -0.5, 1]
            np.testing.assert_allclose(at, old.get_qform() @ [-0.5, -0.5, -0.5, 1], atol=1e-4)
            np.testing.assert_allclose(np.diag(new.get_qform()), [-0.75, 0.75, 3, 1], atol=1e-5)


def test_slope_and_intercept_are_kept_and_stored_values_enlarged(tmp_path, nearest):
    data = voxels(6, 5, 4, low=0, high=4095)
    image = nib.Nifti1Image(data, OBLIQUE)
    image.header.set_slope_inter(0.25, -1024)
    nib.save(image, tmp_path / "a.nii.gz")
    stored = np.asarray(nib.load(tmp_path / "a.nii.gz").dataobj.get_unscaled())
    enlarge_file(tmp_path / "a.nii.gz", tmp_path / "b.nii.gz", nearest, Options(axis="z"))
    made = nib.load(tmp_path / "b.nii.gz")
    assert (made.dataobj.slope, made.dataobj.inter) == (0.25, -1024)
    assert made.get_data_dtype() == np.int16
    assert np.array_equal(made.dataobj.get_unscaled(), stored.repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_the_type_is_kept(tmp_path, nearest, dtype, kind):
    data = voxels(4, 6, 3, dtype=dtype, low=3, high=200)
    save(tmp_path / "a.nii", data, kind=kind)
    enlarge_file(tmp_path / "a.nii", tmp_path / "b.nii", nearest, Options(axis="z"))
    made = nib.load(tmp_path / "b.nii")
    assert type(made) is kind
    assert made.get_data_dtype() == dtype
    np.testing.assert_allclose(made.dataobj, data.repeat(2, 0).repeat(2, 1), atol=1e-4 * (dtype in (np.float32, float)))


def test_big_endian_files(tmp_path, nearest):
    data = voxels(4, 6, 3)
    image = nib.Nifti1Image(data, OBLIQUE, nib.Nifti1Header(endianness=">"))
    image.set_data_dtype(np.int16)
    nib.save(image, tmp_path / "a.nii")
    assert nib.load(tmp_path / "a.nii").header.endianness == ">"
    enlarge_file(tmp_path / "a.nii", tmp_path / "b.nii", nearest, Options(axis="z"))
    assert np.array_equal(nib.load(tmp_path / "b.nii").dataobj, data.repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize(
    ("shape", "made"), [((6, 5), (12, 10)), ((6, 5, 1), (12, 10, 1)), ((6, 1, 5), (12, 1, 10)),
                        ((6, 5, 3, 2), (12, 10, 3, 2)), ((6, 5, 3, 1, 2), (12, 10, 3, 1, 2))])  # fmt: skip
def test_two_to_five_axes(tmp_path, nearest, shape, made):
    data = voxels(*shape)
    image = nib.Nifti1Image(data, np.diag([1, 1, 2, 1]))
    if len(shape) > 3:
        image.header.set_zooms((1, 1, 2, *[0.7] * (len(shape) - 3)))
    nib.save(image, tmp_path / "a.nii")
    enlarge_file(tmp_path / "a.nii", tmp_path / "b.nii", nearest, Options())
    new = nib.load(tmp_path / "b.nii")
    assert new.shape == made
    assert new.header.get_zooms()[3:] == pytest.approx([0.7] * (len(shape) - 3))  # seconds are not divided
    for axis, (n, old) in enumerate(zip(made, shape, strict=True)):
        data = data.repeat(n // old, axis)
    assert np.array_equal(new.dataobj, data)


def test_what_the_header_says_besides_is_kept(tmp_path, nearest):
    image = nib.Nifti1Image(voxels(4, 5, 3), OBLIQUE)
    image.header["descrip"], image.header["cal_max"] = b"a head", 80
    image.header.set_xyzt_units("mm", "sec")
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"taken on Monday"))
    nib.save(image, tmp_path / "a.nii")
    enlarge_file(tmp_path / "a.nii", tmp_path / "b.nii", nearest, Options())
    header = nib.load(tmp_path / "b.nii").header
    assert (header["descrip"].item(), float(header["cal_max"])) == (b"a head", 80)
    assert header.get_xyzt_units() == ("mm", "sec")
    assert b"taken on Monday" in header.extensions[0].get_content()


# What becomes of each field of the header (nifti1.h, nifti2.h)
FIELDS = {
    "scaled": "dim pixdim qoffset_x qoffset_y qoffset_z srow_x srow_y srow_z slice_start slice_end slice_duration",
    "left out where it no longer holds": "slice_code",
    "a direction": "quatern_b quatern_c quatern_d dim_info",
    "how it is stored": "sizeof_hdr datatype bitpix vox_offset magic eol_check data_type extents session_error regular",
    "values of voxels": "scl_slope scl_inter cal_max cal_min glmax glmin intent_p1 intent_p2 intent_p3 intent_code "
    "intent_name",
    "seconds, units, codes and text": "toffset xyzt_units qform_code sform_code descrip aux_file db_name unused_str",
}


@pytest.mark.parametrize("header", [nib.Nifti1Header, nib.Nifti2Header])
def test_no_field_was_overlooked(header):
    assert set(header.template_dtype.names) <= set(" ".join(FIELDS.values()).split())


@pytest.mark.parametrize("slice_axis", [None, 0, 1, 2])
@pytest.mark.parametrize("axis", ["x", "y", "z", "all"])
def test_slices_were_taken_when_they_were(tmp_path, nearest, slice_axis, axis):
    image = nib.Nifti1Image(voxels(6, 8, 10), OBLIQUE)
    image.header.set_dim_info(slice=slice_axis)
    which = 2 if slice_axis is None else slice_axis
    image.header["slice_start"], image.header["slice_end"] = 1, image.shape[which] - 1
    image.header["slice_duration"], image.header["slice_code"] = 0.25, 1
    nib.save(image, tmp_path / "a.nii")
    enlarge_file(tmp_path / "a.nii", tmp_path / "b.nii", nearest, Options(axis=axis))
    header = nib.load(tmp_path / "b.nii").header
    factor = 1 if "xyz"[which] == axis else 2
    assert (int(header["slice_start"]), int(header["slice_end"])) == (factor, header.get_data_shape()[which] - 1)
    assert float(header["slice_duration"]) == 0.25 / factor
    if slice_axis is not None:  # nibabel's own reading: the first slice begins at 0, the last ends when it ended
        times = [time for time in header.get_slice_times() if time is not None]
        assert times[0] == 0
        assert times[-1] + 0.25 / factor == pytest.approx(0.25 * (image.shape[which] - 1))


@pytest.mark.parametrize(("axis", "code", "told"), [("z", 3, False), ("all", 3, True), ("all", 6, True)])
def test_slices_that_were_taken_in_turns(tmp_path, nearest, axis, code, told):
    image = nib.Nifti1Image(voxels(6, 5, 4), OBLIQUE)
    image.header.set_dim_info(slice=2)
    image.header["slice_end"], image.header["slice_duration"], image.header["slice_code"] = 3, 0.25, code
    nib.save(image, tmp_path / "a.nii")
    note = enlarge_file(tmp_path / "a.nii", tmp_path / "b.nii", nearest, Options(axis=axis))
    header = nib.load(tmp_path / "b.nii").header
    assert ("when slices were taken is left out" in note) == told
    assert (int(header["slice_code"]), float(header["slice_duration"])) == ((0, 0) if told else (code, 0.25))


def test_extensions_that_place_the_old_voxels_are_left_out_and_told(tmp_path, nearest):
    image = nib.Nifti1Image(voxels(4, 5, 3), OBLIQUE)
    for code, content in ((4, b"<AFNI_attributes/>"), (6, b"kept"), (8, b"Jim")):
        image.header.extensions.append(nib.nifti1.Nifti1Extension(code, content))
    nib.save(image, tmp_path / "a.nii")
    note = enlarge_file(tmp_path / "a.nii", tmp_path / "b.nii", nearest, Options())
    assert [e.get_code() for e in nib.load(tmp_path / "b.nii").header.extensions] == [6]
    assert "extension of AFNI left out" in note
    assert "extension of Jim left out" in note


def test_the_map_of_what_was_invented_has_numbers_of_its_own(tmp_path, bicubic):
    image = nib.Nifti1Image(voxels(8, 9, 3, low=0, high=3000), OBLIQUE)
    image.header.set_slope_inter(2, -1024)
    image.header["slice_end"], image.header["slice_duration"], image.header["slice_code"] = 2, 0.25, 1
    image.header.extensions.append(nib.nifti1.Nifti1Extension(4, b"<AFNI_attributes/>"))
    nib.save(image, tmp_path / "a.nii.gz")
    note = enlarge_file(tmp_path / "a.nii.gz", tmp_path / "b.nii.gz", bicubic, Options(uncertainty=True, axis="all"))
    assert note.count("extension of AFNI left out") == 1
    made = nib.load(tmp_path / "b.nii.gz.invented.nii.gz")
    assert made.get_data_dtype() == np.uint8
    assert (made.dataobj.slope, made.dataobj.inter) == (1, 0)
    assert np.asarray(made.dataobj).max() > 0  # noise is not what bicubic makes of it
    np.testing.assert_allclose(corners(made), corners(image), atol=1e-4)
    assert (int(made.header["slice_end"]), float(made.header["slice_duration"])) == (5, 0.125)
    assert not made.header.extensions


def test_values_lie_within_those_of_the_input(tmp_path, bicubic):
    data = np.where(voxels(8, 9, 3) > 200, 1500, -1000).astype(np.int16)  # edges, at which bicubic overshoots
    save(tmp_path / "a.nii", data)
    for axis in ("z", "all"):
        enlarge_file(tmp_path / "a.nii", tmp_path / "b.nii", bicubic, Options(axis=axis))
        made = np.asarray(nib.load(tmp_path / "b.nii").dataobj)
        assert (made.min(), made.max()) == (-1000, 1500)


@pytest.mark.parametrize("axis", ["z", "all"])
def test_holes_stay_as_large_as_they_are(tmp_path, bicubic, axis):
    data = np.full((12, 12, 12), 40, np.float32)
    data[0, 0, 0] = 30  # something to see
    data[4:7, 4:7, 4:7] = np.nan
    save(tmp_path / "a.nii", data, np.eye(4))
    enlarge_file(tmp_path / "a.nii", tmp_path / "b.nii", bicubic, Options(axis=axis))
    made = np.asarray(nib.load(tmp_path / "b.nii").dataobj)
    holes = np.isnan(data).repeat(2, 0).repeat(2, 1)
    holes = holes.repeat(2, 2) if axis == "all" else holes
    assert np.array_equal(np.isnan(made), holes)
    np.testing.assert_allclose(made[6:][~holes[6:]], 40, atol=1e-4)  # and nothing bleeds


@pytest.mark.parametrize(
    ("data", "header", "message"),
    [
        (np.zeros((4, 4, 4), np.complex64), {}, "complex64"),
        (np.zeros((4, 4, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")]), {}, "integers or floats"),
        (np.zeros(4, np.int16), {}, "integers or floats X Y Z are needed"),
    ],
)
def test_what_cannot_be_enlarged_is_refused(tmp_path, nearest, data, header, message):
    source = save(tmp_path / "a.nii", data, **header)
    with pytest.raises(UserError, match=message) as refused:
        enlarge_file(source, tmp_path / "b.nii", nearest, Options())
    assert str(source) in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["a.nii"]


@pytest.mark.parametrize(
    ("name", "dtype", "header", "says"),
    [
        ("a.nii", np.int16, {"intent_code": 1002}, "intent code 1002"),
        ("a.nii.gz", np.uint8, {"intent_code": 1003}, "intent code 1003"),
        ("sub-01_dseg.nii.gz", np.int32, {}, "its name, _dseg"),
        ("sub-01_dseg.nii.gz", np.float64, {}, "its name, _dseg"),
        ("sub-01_desc-brain_mask.nii.gz", np.uint8, {}, "its name, _mask"),
    ],
)
@pytest.mark.parametrize("axis", ["z", "all"])
def test_labels_keep_their_values(tmp_path, bicubic, name, dtype, header, says, axis):
    labels = voxels(6, 5, 4, dtype=np.int16, low=0, high=5).astype(dtype) * 40
    note = enlarge_file(save(tmp_path / name, labels, **header), tmp_path / f"b_{name}", bicubic, Options(axis=axis))
    made = nib.load(tmp_path / f"b_{name}")
    assert f"labels ({says}), by nearest" in note
    assert made.get_data_dtype() == dtype
    assert int(made.header["intent_code"]) == header.get("intent_code", 0)
    deep = labels.repeat(2, 2) if axis == "all" else labels
    assert np.array_equal(made.dataobj, deep.repeat(2, 0).repeat(2, 1))
    np.testing.assert_allclose(corners(made), corners(nib.load(tmp_path / name)), atol=1e-4)


def test_a_majority_of_voxels(tmp_path, bicubic):
    labels = np.zeros((5, 5, 5), np.uint8)
    labels[2, 2, 2] = 9
    save(tmp_path / "a.nii", labels, affine=np.eye(4))
    enlarge_file(tmp_path / "a.nii", tmp_path / "b.nii", bicubic, Options(scale=3, axis="all", labels="majority"))
    made = np.asarray(nib.load(tmp_path / "b.nii").dataobj)
    assert set(np.unique(made)) == {0, 9}
    assert (made == 9).sum() == 27 - 20  # its corners and edges are rounded: the centre and those beside its faces stay


def test_shares_of_a_voxel_are_no_labels(tmp_path, bicubic):
    save(tmp_path / "a_dseg.nii", voxels(6, 5, 4, dtype=np.float32, low=0, high=5) / 8)
    assert "labels" not in enlarge_file(tmp_path / "a_dseg.nii", tmp_path / "b.nii", bicubic, Options())


def test_what_looks_like_labels_is_told(tmp_path, bicubic):
    labels = np.kron(voxels(4, 4, 4, low=0, high=3), np.ones((4, 4, 4), np.int16))
    labels[..., 0] = 0  # a first slice without any
    save(tmp_path / "a.nii", labels)
    assert "only 3 different numbers" in enlarge_file(tmp_path / "a.nii", tmp_path / "b.nii", bicubic, Options())


def test_points_on_a_surface_are_no_volume(tmp_path, nearest):
    axes = (nib.cifti2.SeriesAxis(0, 1, 4), nib.cifti2.BrainModelAxis.from_mask(np.ones((2, 2, 2)), affine=np.eye(4)))
    nib.save(nib.Cifti2Image(np.zeros((4, 8), np.float32), axes), tmp_path / "a.dtseries.nii")
    with pytest.raises(UserError, match=r"a\.dtseries\.nii: no image, but Cifti2Image"):
        enlarge_file(tmp_path / "a.dtseries.nii", tmp_path / "b.nii", nearest, Options())


def test_damaged_files_are_named(tmp_path, nearest):
    save(tmp_path / "good.nii.gz", voxels(20, 20, 20))
    whole = (tmp_path / "good.nii.gz").read_bytes()
    flat = gzip.decompress(whole)
    for name, content in (("cut.nii.gz", whole[:3000]), ("cut.nii", flat[:3000]), ("not.nii", b"no volume"),
                          ("empty.nii.gz", b""), ("plain.nii.gz", flat)):  # fmt: skip
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=name):
            enlarge_file(tmp_path / name, tmp_path / "out.nii.gz", nearest, Options())
    assert not [path for path in tmp_path.iterdir() if "out" in path.name]
    with pytest.raises(UserError, match="no such file"):
        formats.open(tmp_path / "none.nii")


def test_a_real_volume_keeps_its_values_and_its_place(samples, tmp_path, bicubic):
    whole = nib.load(samples / "medical" / "ct_chest_lidc0314_z124-141.nii.gz")
    part = whole.slicer[200:280, 150:240, 5:8]
    nib.save(part, tmp_path / "a.nii.gz")
    note = enlarge_file(tmp_path / "a.nii.gz", tmp_path / "b.nii.gz", bicubic, Options())
    assert note.startswith("slices along z; range ")  # 1 mm apart, and 0.78 within
    made = nib.load(tmp_path / "b.nii.gz")
    np.testing.assert_allclose(corners(made), corners(part), atol=1e-3)
    old, new = np.asarray(part.dataobj), np.asarray(made.dataobj)
    assert old.min() <= new.min()
    assert new.max() <= old.max()
    shrunk = new.reshape(80, 2, 90, 2, 3).mean((1, 3))
    assert np.abs(shrunk - old).mean() < 0.05 * old.std()
