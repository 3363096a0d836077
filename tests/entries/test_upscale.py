"""The real command, on the files that people have."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from sr.generators import Compact
from sr.inference import weights
from sr.upscale import main


@pytest.fixture(params=[3, 1], ids=["colour network", "gray network"])
def model(request, tmp_path):
    """Weights that begin with: enlarge by nearest neighbour."""
    arguments = {"scale": 2, "channels": request.param, "width": 4, "depth": 1}
    about = {"generator": "Compact", "arguments": arguments, "scale": 2, "channels": request.param}
    weights.save(tmp_path / "model.safetensors", Compact(**arguments), about)
    return tmp_path / "model.safetensors"


@pytest.fixture
def pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (13, 9, 4), dtype=np.uint8)
    pixels[..., 3] = np.linspace(150, 200, 9)  # WebP drops the colour of what is invisible
    return pixels


@pytest.mark.parametrize(("mode", "suffix"), [("RGB", ".png"), ("L", ".png"), ("RGBA", ".webp"), ("RGB", ".tiff")])
def test_what_comes_out_is_the_networks_answer(mode, suffix, model, pixels, tmp_path):
    bands = {"L": 1, "RGB": 3, "RGBA": 4}[mode]
    source = tmp_path / f"in{suffix}"
    Image.fromarray(pixels[..., 0] if bands == 1 else pixels[..., :bands]).save(source, lossless=True)
    assert main([str(source), "-o", str(tmp_path / "out"), "--model", str(model)]) == 0
    with Image.open(tmp_path / "out" / f"in_x2{suffix}") as image:
        assert image.mode == mode
        made = np.asarray(image).reshape(26, 18, bands)
    colours = min(bands, 3)
    nearest = pixels[..., :colours].repeat(2, 0).repeat(2, 1)
    np.testing.assert_array_equal(made[..., :colours], nearest)
    if bands == 4:
        assert (np.diff(made[5, 1:-1, 3].astype(int)) > 0).all()  # alpha still runs from left to right


def test_a_single_output_file_and_no_silent_overwriting(model, pixels, tmp_path, capsys):
    Image.fromarray(pixels[..., :3]).save(tmp_path / "in.png")
    command = [str(tmp_path / "in.png"), "-o", str(tmp_path / "made.png"), "--model", str(model)]
    assert main(command) == 0
    before = (tmp_path / "made.png").read_bytes()
    assert main(command) == 1
    assert "--overwrite replaces it" in capsys.readouterr().err
    assert (tmp_path / "made.png").read_bytes() == before
    assert main([*command, "--overwrite"]) == 0


def test_bad_files_are_named_and_the_rest_goes_on(model, pixels, tmp_path, capsys):
    Image.fromarray(pixels[..., :3]).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes((tmp_path / "good.png").read_bytes()[:60])
    import imagecodecs

    (tmp_path / "deep.png").write_bytes(imagecodecs.png_encode(pixels[..., :3].astype(np.uint16) * 257))
    files = [str(tmp_path / name) for name in ("bad.png", "deep.png", "missing.png", "good.png")]
    assert main([*files, "-o", str(tmp_path / "out"), "--model", str(model)]) == 1
    errors = capsys.readouterr().err
    for name in ("bad.png", "deep.png", "missing.png"):
        assert errors.count(name) == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good_x2.png"]


def test_no_model_is_one_sentence(tmp_path):
    command = [sys.executable, "-m", "sr.upscale", "x.png", "-o", "out", "--model", str(tmp_path / "nothing")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "no such file" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.gpu
def test_a_gpu_gives_the_same(model, pixels, tmp_path):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    Image.fromarray(pixels[..., :3]).save(tmp_path / "in.png")
    for device in ("cpu", "cuda"):
        out = str(tmp_path / f"{device}.png")
        assert main([str(tmp_path / "in.png"), "-o", out, "--model", str(model), "--device", device]) == 0
    a, b = (np.asarray(Image.open(tmp_path / f"{device}.png")).astype(int) for device in ("cpu", "cuda"))
    assert abs(a - b).max() <= 1
