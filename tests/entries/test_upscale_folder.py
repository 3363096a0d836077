"""Two hundred files of all kinds, a tenth of them bad in ten ways; killed in the middle, and started again."""

import gzip
import os
import signal
import struct
import subprocess
import sys
import time
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from sr.weights import store as weights
from tests.formats.picture import raw

from .conftest import ROOT

pytestmark = pytest.mark.slow


def photo(random, size=(24, 20)):
    return random.integers(0, 256, (*size, 3), dtype=np.uint8)


def good(folder, random):
    """180 files: what people have."""
    nibabel, pydicom = pytest.importorskip("nibabel"), pytest.importorskip("pydicom")
    for i in range(180):
        path = folder / f"trip {i % 3}" / f"ok-{i:03d}"
        path.parent.mkdir(exist_ok=True)
        kind, pixels = i % 9, photo(random)
        if kind < 4:
            Image.fromarray(pixels).save(f"{path}{('.png', '.jpg', '.webp', '.bmp')[kind]}")
        elif kind == 4:
            tifffile.imwrite(f"{path}.tif", pixels.astype(np.uint16) * 257)
        elif kind == 5:
            (path.parent / f"{path.name}.png").write_bytes(imagecodecs.png_encode(pixels.astype(np.uint16) * 257))
        elif kind == 6:
            frames = [Image.fromarray(photo(random)) for _ in range(2)]
            frames[0].save(f"{path}.gif", save_all=True, append_images=frames[1:], duration=50)
        elif kind == 7:
            nibabel.save(nibabel.Nifti1Image(pixels[..., :2].astype(np.int16), np.eye(4)), f"{path}.nii.gz")
        else:
            slice_of_ct(pydicom, f"{path}.dcm", pixels[..., 0])


def slice_of_ct(pydicom, path, pixels, **changes):
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    dataset.SeriesInstanceUID, dataset.Modality = pydicom.uid.generate_uid(), "CT"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation, dataset.PixelSpacing = 7, 0, ["0.5", "0.5"]
    dataset.PixelData = pixels.tobytes()
    for name, value in changes.items():
        setattr(dataset, name, value) if value is not None else delattr(dataset, name)
    dataset.save_as(path, enforce_file_format=True)


def bad(folder, random):
    """20 files, two of each of ten kinds."""
    pydicom = pytest.importorskip("pydicom")
    pixels = photo(random)
    Image.fromarray(photo(random, (64, 64))).save(folder / "whole.png")
    whole = (folder / "whole.png").read_bytes()
    (folder / "whole.png").unlink()
    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")
    bomb = raw.SIGNATURE + b"".join(raw.chunk(kind, data) for kind, data in chunks)
    for i in range(2):
        place = folder / f"trip {i}"
        (place / "bad-truncated.png").write_bytes(whole[: len(whole) // 2])
        (place / "bad-text.jpg").write_text("no picture")
        (place / "bad-empty.webp").touch()
        (place / "bad-bomb.png").write_bytes(bomb)
        tifffile.imwrite(place / "bad-pages.tif", np.stack([photo(random)] * 3), photometric="rgb", metadata=None)
        tifffile.imwrite(place / "bad-complex.tif", np.ones((8, 8), np.complex64))
        slice_of_ct(pydicom, place / "bad-spacing.dcm", pixels[..., 0], PixelSpacing=None)
        (place / "bad-volume.nii.gz").write_bytes(gzip.compress(b"\0" * 400)[:-9])
        (place / "bad-clip.mp4").write_bytes(os.urandom(3000))
        (place / "bad-animation.gif").write_bytes(b"GIF89a" + bytes(20))


def test_the_good_are_enlarged_once_and_the_bad_are_named(tmp_path):
    pytest.importorskip("av")
    source, out = tmp_path / "album", tmp_path / "out"
    source.mkdir()
    good(source, np.random.default_rng(0))
    bad(source, np.random.default_rng(1))
    command = [sys.executable, "-m", "sr.upscale", str(source), "-o", str(out), "--model", str(weights.find("fast_x2"))]

    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(done_in(out)) < 40:
        assert running.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    first = {path: path.stat().st_mtime_ns for path in done_in(out)}
    assert 40 <= len(first) < 180

    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 1
    assert len(done_in(out)) == 180
    assert {path: path.stat().st_mtime_ns for path in first} == first  # nothing twice
    assert not list(out.rglob(".*"))  # nor half
    failures = [line for line in ended.stderr.splitlines() if line.startswith("failed: ")]
    assert len(failures) == 20
    for path in source.rglob("bad-*"):
        assert sum(str(path) in line for line in failures) == 1
    assert {path.relative_to(out) for path in done_in(out)} == {
        path.relative_to(source) for path in source.rglob("ok-*")
    }
    for path in out.rglob("*.png"):
        with Image.open(path) as image:
            image.load()
            assert image.size == (40, 48)
    assert f"{len(first)} of 200 were there already" in ended.stdout


def done_in(folder):
    return [path for path in folder.rglob("ok-*") if path.is_file()]
