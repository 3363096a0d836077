import numpy as np
import pytest
from PIL import Image, features

from sr.formats import Unreadable
from sr.formats.picture import suffixes
from tests.formats.picture.samples import ICC, tagged
from tests.pictures import read, read_with_meta, write


@pytest.mark.parametrize("suffix", [".avif", ".heic"])
def test_avif_and_heic_keep_pixels_and_tags(tmp_path, rgb, suffix):
    if suffix == ".heic":
        pytest.importorskip("pillow_heif")
    elif not features.check("avif"):
        pytest.skip("this Pillow knows no AVIF")
    options = {"subsampling": "4:4:4", "quality": 95}
    Image.fromarray(rgb).save(tmp_path / f"a{suffix}", exif=tagged().tobytes(), icc_profile=ICC, **options)
    pixels, meta = read_with_meta(tmp_path / f"a{suffix}")
    assert pixels.shape == (48, 64, 3)  # turned upright, once
    assert np.abs(pixels.astype(int) - np.rot90(rgb, -1)).mean() < 3
    write(tmp_path / f"b{suffix}", pixels, meta.enlarged(64, 48, 1))
    again, kept = read_with_meta(tmp_path / f"b{suffix}")
    assert np.abs(again.astype(int) - pixels).mean() < 3
    assert kept.icc == ICC
    with Image.open(tmp_path / f"b{suffix}") as image:
        exif = image.getexif()
    assert exif.get(274, 1) == 1
    assert exif[271] == "Maker"
    assert exif.get_ifd(0x8769)[0xA002] == 64
    assert exif.get_ifd(0x8825)[1] == "N"


def test_heic_without_its_plug_in_says_how_to_get_it(tmp_path, monkeypatch):
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + b"\0" * 40)
    with pytest.raises(Unreadable) as told:
        read(tmp_path / "a.heic")
    assert ("pip install" in str(told.value)) == (not suffixes.HEIC)  # where it is installed, the file is at fault
    monkeypatch.setattr(suffixes, "HEIC", set())
    with pytest.raises(Unreadable, match=r"a\.heic: .*HEIC needs pillow-heif: pip install 'sr\[heic\]'"):
        read(tmp_path / "a.heic")
