"""NIfTI: types of voxels, axes, both frames of reference, what the header says besides."""

from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from tests.corpus import Sample


def _saved(path: Path, shape: tuple[int, ...] = (6, 5, 4), dtype: Any = np.int16, codes=(0, 2), **more: Any) -> None:
    import nibabel

    from tests.formats.test_nifti import OBLIQUE, voxels

    kind = nibabel.Nifti2Image if more.pop("second", False) else nibabel.Nifti1Image
    header = kind.header_class(endianness=more.pop("endianness", "<"))
    image = kind(voxels(*shape, dtype=dtype, low=3, high=120), None, header)
    image.set_data_dtype(dtype)
    image.header.set_zooms((0.8, 1.0, 2.5, *[0.7] * (len(shape) - 3))[: len(shape)])
    tilted = np.diag([-0.8, 1.0, 2.5, 1.0])
    tilted[1:3, 1:3] = np.array([[0.8, -0.6], [0.6, 0.8]]) * [1.0, 2.5]
    tilted[:3, 3] = 10, 20, 30
    other = OBLIQUE if more.pop("sheared", False) else tilted + np.eye(4, k=3) * 5
    for code, setter, affine in ((codes[0], image.set_qform, tilted), (codes[1], image.set_sform, other)):
        setter(affine, code)
    if "scale" in more:
        image.header.set_slope_inter(*more.pop("scale"))
    if comment := more.pop("comment", b""):
        image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", comment))
    for key, value in more.items():
        image.header[key] = value
    nibabel.save(image, path)


def samples() -> Iterator[Sample]:
    if find_spec("nibabel") is None:
        return
    for name in ("uint8", "int8", "uint16", "int16", "int32", "uint32", "float32", "float64"):
        yield Sample(f"volumes/{name}.nii", partial(_saved, dtype=np.dtype(name)), {"packed": False}, within=1e-3)
    yield Sample("volumes/packed.nii.gz", _saved, {"packed": True})
    yield Sample("volumes/PACKED.NII.GZ", partial(_saved, dtype=np.float32), {"packed": True}, within=1e-3)
    yield Sample("volumes/second.nii.gz", partial(_saved, second=True), {"class": "Nifti2Image"})
    yield Sample("volumes/sheared.nii", partial(_saved, sheared=True))
    yield Sample("volumes/big_endian.nii", partial(_saved, endianness=">"))
    for codes in ((1, 0), (0, 4), (1, 2), (0, 0)):
        yield Sample(f"volumes/codes_{codes[0]}{codes[1]}.nii", partial(_saved, codes=codes),
                     {"qform_code": codes[0], "sform_code": codes[1]})  # fmt: skip
    for shape in ((6, 5), (6, 5, 1), (6, 5, 4, 3), (6, 5, 3, 1, 2)):
        name = "x".join(map(str, shape))
        yield Sample(f"volumes/{name}.nii.gz", partial(_saved, shape=shape), {"steps": [0.7] * (len(shape) - 3)})
    yield Sample("volumes/scaled.nii.gz", partial(_saved, scale=(0.25, -1024)), {"scale": (0.25, -1024)})
    said = {"descrip": b"a head", "cal_max": 200, "xyzt_units": 10, "comment": b"taken on Monday"}
    yield Sample("volumes/said.nii.gz", partial(_saved, **said), {"descrip": b"a head", "cal_max": 200})
    yield Sample("volumes/statistic.nii.gz", partial(_saved, dtype=np.float32, intent_code=3, intent_p1=17),
                 {"intent_code": 3, "intent_p1": 17}, within=1e-3)  # fmt: skip
    yield Sample("volumes/tissues.nii.gz", partial(_saved, intent_code=1002), {"intent_code": 1002},
                 ("labels (intent code 1002), by nearest",))  # fmt: skip
    yield Sample("volumes/sub-01_dseg.nii.gz", partial(_saved, dtype=np.int32),
                 told=("labels (its name, _dseg), by nearest",))  # fmt: skip
    for name in ("complex64", "bool"):
        if name == "complex64":
            yield Sample(f"volumes/{name}.nii", partial(_saved, dtype=np.complex64), refused="integers or floats")
