"""What holds for every format: it is opened once, writing alters nothing, and a new one is one module and one line."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sr import formats
from sr.formats import picture as pictures
from sr.inference.files import enlarge_file
from sr.inference.pixels import Options

from ..inference.test_files import clip, dicom_file, picture

ROOT = Path(__file__).resolve().parents[2]
PIXELS = np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)


def jpeg(path):
    exif = Image.Exif()
    exif[274], exif[271] = 6, "a camera"
    Image.fromarray(PIXELS).save(path, exif=exif, icc_profile=None)
    return path


def deep(path):
    pictures.write(path, PIXELS.astype(np.uint16) * 257)
    return path


def bands(path):
    pictures.write(path, np.random.default_rng(0).normal(0, 1, (24, 32, 7)).astype(np.float32))
    return path


def scene(path):
    rasterio = pytest.importorskip("rasterio")
    place = rasterio.transform.from_origin(500_000, 5_000_000, 10, 10)
    profile = {"driver": "GTiff", "height": 24, "width": 32, "count": 3, "dtype": "uint8", "crs": "EPSG:32633"}
    with rasterio.open(path, "w", transform=place, **profile) as file:
        file.write(np.moveaxis(PIXELS, -1, 0))
    return path


def nifti(path):
    nibabel = pytest.importorskip("nibabel")
    nibabel.save(nibabel.Nifti1Image(PIXELS.astype(np.int16), np.diag([1, 1, 2, 1])), path)
    return path


def animation(path):
    return picture(path, 3)


EVERY = [
    (jpeg, "a.jpg"), (jpeg, "a.webp"), (jpeg, "a.png"), (deep, "a.png"), (deep, "a.tif"), (bands, "a.tif"),
    (animation, "a.gif"), (animation, "a.webp"), (scene, "a.tif"), (dicom_file, "a.dcm"), (dicom_file, "IM0001"),
    (nifti, "a.nii"), (nifti, "a.nii.gz"), (clip, "a.mp4"), (clip, "a.avi"),
]  # fmt: skip


@pytest.fixture(scope="module")
def opened():
    """Names of the files that Python opened, as it tells its auditors; they cannot be taken back, only switched off."""
    names, on = [], [False]

    def hook(event, arguments):
        if on[0] and event == "open" and isinstance(arguments[0], str | bytes | Path):
            names.append(Path(str(arguments[0])).name)

    sys.addaudithook(hook)
    on[0] = True
    yield names
    on[0] = False


@pytest.mark.parametrize(("make", "name"), EVERY)
def test_a_file_is_opened_once(tmp_path, nearest, opened, monkeypatch, make, name):
    source = make(tmp_path / name)
    if make is scene:  # GDAL opens by the name, where no Python sees it; only it does
        rasterio, times, place = pytest.importorskip("rasterio"), [], source
        really = rasterio.open
        monkeypatch.setattr(rasterio, "open", lambda p, *a, **k: times.append(p == place) or really(p, *a, **k))
    opened.clear()
    enlarge_file(source, tmp_path / f"made_{formats.made_name(source)}", nearest, Options())
    # A DICOM file without a suffix is looked into for its name, too, which the test itself asks for.
    assert opened.count(name) == (2 if name == "IM0001" else 1)
    if make is scene:
        assert times.count(True) == 1


@pytest.mark.parametrize(("make", "name"), EVERY)
def test_written_twice_it_is_the_same(tmp_path, nearest, make, name):
    source = make(tmp_path / name)
    targets = [tmp_path / f"{i}{formats.made_name(source)}" for i in range(2)]
    with formats.open(source) as file:
        about = (file.shape, file.dtype, file.range, file.spacing, file.slope)
        size = (2 * file.shape[1], 2 * file.shape[2])
        for target in targets:
            if file.layout == "volume":
                voxels = file.voxels.repeat(2, 0).repeat(2, 1)
                with file.writer(target, voxels.shape[:3]) as write:
                    write(voxels)
                continue
            with file.writer(target, size, "by hand") as write:
                for frame in file.frames():
                    made = frame.repeat(2, 0).repeat(2, 1)
                    if file.layout == "windows":
                        write(slice(0, size[0]), slice(0, size[1]), made)
                    else:
                        write(made)
        assert about == (file.shape, file.dtype, file.range, file.spacing, file.slope)
    assert targets[0].read_bytes() == targets[1].read_bytes()


def test_what_is_no_file_of_ours_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "a.txt").write_text("no picture")
    for path in (tmp_path / "a.txt", tmp_path, tmp_path / "nowhere.png"):
        with pytest.raises(ValueError, match=path.name) as told:
            formats.open(path)
        assert "\n" not in str(told.value)


def test_frames_windows_and_attributes(tmp_path):
    with formats.open(bands(tmp_path / "a.tif")) as file:
        assert file.shape == (1, 24, 32, 7)
        assert file.dtype == np.float32
        assert file.colours is None
        assert len(file.range.low) == 7
        whole = next(file.frames())
        assert np.array_equal(file.read(slice(3, 9), slice(5, 8)), whole[3:9, 5:8])
    with formats.open(scene(tmp_path / "b.tif")) as file:
        assert file.spacing == (10, 10)
        assert np.array_equal(file.read(slice(3, 9), slice(5, 8)), PIXELS[3:9, 5:8])
    with formats.open(dicom_file(tmp_path / "c.dcm")) as file:
        assert file.spacing == (0.5, 0.5)
        assert (file.kind, file.shape) == ("dicom", (1, 6, 8, 1))


# --- a new one --------------------------------------------------------------------------------------------------------

TOY = '''
"""Pixels as text: a first line with height and width, then a line a row."""

from contextlib import contextmanager

import numpy as np

from sr import formats
from sr.atomic import replacing
from sr.formats import File, Unreadable


class Toy(File):
    kind = "toy"
    suffixes = frozenset({".toy"})

    def __init__(self, path, handle):
        super().__init__(path, handle)
        try:
            height, width = (int(side) for side in handle.readline().split())
        except ValueError as error:
            raise Unreadable(f"{path}: no toy ({error})") from error
        self.shape, self.dtype = (1, height, width, 1), np.dtype(np.uint16)

    def frames(self):
        self.handle.seek(0)
        yield np.loadtxt(self.handle, np.uint16, skiprows=1).reshape(self.shape[1:])

    @contextmanager
    def writer(self, target, size, how="", plain=False):
        made = []
        yield made.append
        with replacing(target) as temporary, open(temporary, "w") as file:
            file.write(f"{size[0]} {size[1]}\\n")
            np.savetxt(file, made[0][..., 0], "%d")


formats.KINDS = (Toy, *formats.KINDS)
'''


@pytest.fixture
def toys(tmp_path, face):
    folder = tmp_path / "toys"
    folder.mkdir()
    for i in range(3):
        pixels = face[1, 8 * i : 8 * i + 48, : 40 + 8 * i].numpy().astype(int) * 30 + 5000
        (folder / f"{i}.toy").write_text(f"{pixels.shape[0]} {pixels.shape[1]}\n" + "\n".join(
            " ".join(map(str, row)) for row in pixels.tolist()))  # fmt: skip
    (tmp_path / "toy.py").write_text(TOY)
    return folder


def with_toys(folder: Path, command: str, *arguments: str) -> str:
    code = f"import runpy, sys, toy; sys.argv = sys.argv[:]; runpy.run_module({command!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=folder, text=True, capture_output=True,
                          env=_environment(folder), timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def _environment(folder: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "SR_CACHE": str(folder / "cache")}


def test_a_new_format_goes_everywhere(tmp_path, toys):
    code = f"""
import toy
from pathlib import Path
from sr.data.pack import build
from sr.data.tree import find
folder = Path({str(toys)!r})
packed = build(find(folder), folder, folder.parent / "cache", channels=1, minimum_px=8)
print(packed.names, [image.shape for image in packed], packed.ranges[0])
"""
    said = subprocess.check_output([sys.executable, "-c", code], cwd=tmp_path, text=True, env=_environment(tmp_path))
    assert "['0.toy', '1.toy', '2.toy'] [(48, 40, 1), (48, 48, 1), (48, 56, 1)] range 5" in said

    said = with_toys(tmp_path, "sr.evaluate", "model=[bicubic,nearest]", f"sets={toys}", "metrics=fidelity",
                     "channels=1", f"out={tmp_path / 'judged'}", "hydra.output_subdir=null")  # fmt: skip
    assert "| toys x4 (3) | bicubic |" in said

    said = with_toys(
        tmp_path, "sr.upscale", str(toys), "-o", str(tmp_path / "out"), "--model", "nearest", "--scale", "2"
    )
    assert "0.toy: range 5" in said
    made, old = (np.loadtxt(folder / "1.toy", int, skiprows=1) for folder in (tmp_path / "out", toys))
    assert np.array_equal(made, old.repeat(2, 0).repeat(2, 1))
