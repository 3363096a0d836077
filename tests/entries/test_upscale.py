"""The real command, on the files that people have."""

import subprocess
import sys

import imagecodecs
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from sr.generators import Compact
from sr.image.resize import imresize, imresize_uint8
from sr.metrics import lr_psnr, psnr
from sr.upscale import main
from sr.weights import store as weights
from tests import pictures as formats


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


def test_what_is_there_is_kept_unless_told_otherwise(model, pixels, tmp_path, capsys):
    Image.fromarray(pixels[..., :3]).save(tmp_path / "in.png")
    command = [str(tmp_path / "in.png"), "-o", str(tmp_path / "made.png"), "--model", str(model)]
    assert main(command) == 0
    (tmp_path / "made.png").write_bytes(b"precious")
    assert main(command) == 0
    assert "1 of 1 were there already (--overwrite makes them anew)" in capsys.readouterr().out
    assert (tmp_path / "made.png").read_bytes() == b"precious"
    assert main([*command, "--overwrite"]) == 0
    assert (tmp_path / "made.png").read_bytes() != b"precious"


def test_the_input_is_not_overwritten(model, pixels, tmp_path, capsys):
    Image.fromarray(pixels[..., :3]).save(tmp_path / "in.png")
    before = (tmp_path / "in.png").read_bytes()
    assert main([str(tmp_path / "in.png"), "-o", str(tmp_path / "in.png"), "--model", str(model)]) == 1
    assert "would be overwritten" in capsys.readouterr().err
    assert main([str(tmp_path), "-o", str(tmp_path), "--model", str(model)]) == 1
    assert "would be overwritten" in capsys.readouterr().err
    assert (tmp_path / "in.png").read_bytes() == before


def test_bad_files_are_named_and_the_rest_goes_on(model, pixels, tmp_path, capsys):
    Image.fromarray(pixels[..., :3]).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes((tmp_path / "good.png").read_bytes()[:60])
    (tmp_path / "not.png").write_text("no picture")
    files = [str(tmp_path / name) for name in ("bad.png", "not.png", "missing.png", "good.png")]
    assert main([*files, "-o", str(tmp_path / "out"), "--model", str(model)]) == 1
    errors = capsys.readouterr().err
    for name in ("bad.png", "not.png", "missing.png"):
        assert errors.count(f"failed: {tmp_path / name}") == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good_x2.png"]


def test_16_bits_stay_16_bits(model, pixels, tmp_path):
    deep = pixels[..., :3].astype(np.uint16) * 257 ^ 3
    (tmp_path / "deep.png").write_bytes(imagecodecs.png_encode(np.ascontiguousarray(deep)))
    assert main([str(tmp_path / "deep.png"), "-o", str(tmp_path), "--model", str(model)]) == 0
    made = imagecodecs.png_decode((tmp_path / "deep_x2.png").read_bytes())
    np.testing.assert_array_equal(made, deep.repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize("bands", [1, 2, 3, 4, 6])
def test_float_bands_keep_their_range_and_their_holes(model, bands, tmp_path):
    scene = np.random.default_rng(0).normal(300, 50, (12, 16, bands)).astype(np.float32)
    scene[3:5, 4:6] = np.nan
    formats.write(tmp_path / "scene.tif", scene)
    assert main([str(tmp_path / "scene.tif"), "-o", str(tmp_path), "--model", str(model)]) == 0
    made = tifffile.imread(tmp_path / "scene_x2.tif").reshape(24, 32, bands)
    np.testing.assert_allclose(made, scene.repeat(2, 0).repeat(2, 1), atol=1e-3 * np.nanmax(scene))


@pytest.fixture
def album(tmp_path, pixels):
    for name in ("a.png", "trip/b.jpg", "trip/day/c.tif", "trip/.hidden.png", "notes.txt"):
        path = tmp_path / "album" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".txt":
            path.write_text("text")
        else:
            Image.fromarray(pixels[..., :3]).save(path)
    return tmp_path / "album"


def files_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_folder_is_mirrored_and_goes_on_where_it_stopped(album, model, tmp_path, capsys):
    out = tmp_path / "out"
    command = [str(album), "-o", str(out), "--model", str(model)]
    assert main([*command, "--dry-run"]) == 0
    assert capsys.readouterr().out.count(" -> ") == 3
    assert not out.exists()
    assert main(command) == 0
    assert files_in(out) == ["a.png", "trip/b.jpg", "trip/day/c.tif"]
    (out / "a.png").unlink()
    times = {name: (out / name).stat().st_mtime_ns for name in files_in(out)}
    assert main(command) == 0
    assert "2 of 3 were there already" in capsys.readouterr().out
    assert files_in(out) == ["a.png", "trip/b.jpg", "trip/day/c.tif"]
    assert {name: (out / name).stat().st_mtime_ns for name in times} == times


def test_what_we_made_inside_of_the_folder_is_not_enlarged_again(album, model):
    command = [str(album), "-o", str(album / "large"), "--model", str(model)]
    assert main(command) == 0
    assert main(command) == 0
    assert files_in(album / "large") == ["a.png", "trip/b.jpg", "trip/day/c.tif"]


def test_the_place_may_be_around_the_folder(album, model, tmp_path):
    assert main([str(album), "-o", str(tmp_path), "--model", str(model)]) == 0
    assert (tmp_path / "trip" / "day" / "c.tif").is_file()


def test_patterns_and_collisions(album, model, tmp_path, capsys):
    out = str(tmp_path / "out")
    assert main([str(album / "**" / "*.jpg"), "-o", out, "--model", str(model)]) == 0
    assert files_in(tmp_path / "out") == ["b_x2.jpg"]
    (album / "trip" / "a.png").write_bytes((album / "a.png").read_bytes())
    assert main([str(album / "a.png"), str(album / "trip" / "a.png"), "-o", out, "--model", str(model)]) == 1
    assert "would both become" in capsys.readouterr().err
    assert main([str(tmp_path / "*.xyz"), "-o", out, "--model", str(model)]) == 1
    assert "nothing to enlarge" in capsys.readouterr().err


def test_tiles_give_the_same_picture(tmp_path, face):
    Image.fromarray(face.permute(1, 2, 0).numpy()).save(tmp_path / "face.png")
    for tile in ("0", "48"):
        assert main([str(tmp_path / "face.png"), "-o", str(tmp_path / f"{tile}.png"), "--tile", tile]) == 0
    whole, tiled = (np.asarray(Image.open(tmp_path / f"{tile}.png")).astype(int) for tile in ("0", "48"))
    assert whole.shape == (512, 512, 3)
    assert np.abs(whole - tiled).max() <= 1  # where rounding falls to either side


def test_the_model_that_comes_along_is_better_than_bicubic(tmp_path, face):
    small = imresize_uint8(face, 1 / 4)
    Image.fromarray(small.permute(1, 2, 0).numpy()).save(tmp_path / "small.png")
    assert main([str(tmp_path / "small.png"), "-o", str(tmp_path / "large.png")]) == 0
    with Image.open(tmp_path / "large.png") as image:
        made = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)[None] / 255
    hr = face[None] / 255
    bicubic = imresize(small[None] / 255, 4)
    assert psnr(made, hr, crop_border_px=4) > psnr(bicubic, hr, crop_border_px=4) + 1


def test_metadata_come_along(tmp_path, face, model):
    exif = Image.Exif()
    exif[271], exif[274] = "Maker", 8
    picture = Image.fromarray(face[:, :40, :24].permute(1, 2, 0).numpy())
    picture.save(tmp_path / "phone.jpg", exif=exif.tobytes(), dpi=(72, 72), quality=95)
    assert main([str(tmp_path / "phone.jpg"), "-o", str(tmp_path / "out"), "--model", str(model)]) == 0
    with Image.open(tmp_path / "out" / "phone_x2.jpg") as image:
        assert image.size == (80, 48)  # turned upright
        assert image.getexif()[271] == "Maker"
        assert image.info["dpi"] == (144, 144)


@pytest.mark.parametrize(
    ("arguments", "name", "size"),
    [
        (["--scale", "1.5"], "a_x1.5.png", (54, 36)),
        (["--scale", "3"], "a_x3.png", (108, 72)),
        (["--scale", "6.5"], "a_x6.5.png", (234, 156)),
        (["--size", "100x100"], "a_100x100.png", (100, 67)),
        (["--scale", "2.5", "--model", "lanczos"], "a_x2.5.png", (90, 60)),
        (["--scale", "0.5", "--model", "bicubic"], "a_x0.5.png", (18, 12)),
    ],
)
def test_any_size(arguments, name, size, tmp_path, face):
    picture = Image.fromarray(face[:, 40:64, 30:66].permute(1, 2, 0).numpy())  # 36x24
    picture.save(tmp_path / "a.png")
    assert main([str(tmp_path / "a.png"), "-o", str(tmp_path), *arguments]) == 0
    with Image.open(tmp_path / name) as image:
        assert image.size == size
        back = np.asarray(image.resize((36, 24), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(back - np.asarray(picture)).mean() < 10  # the same picture, not shifted


def test_what_is_locked_to_the_input_agrees_with_it(tmp_path, face):
    small = imresize_uint8(face, 1 / 4)
    Image.fromarray(small.permute(1, 2, 0).numpy()).save(tmp_path / "a.png")
    agreement = []
    for name, more in (("plain", []), ("locked", ["--back-project"])):
        assert main([str(tmp_path / "a.png"), "-o", str(tmp_path / f"{name}.png"), *more]) == 0
        made = torch.from_numpy(np.asarray(Image.open(tmp_path / f"{name}.png")).copy()).permute(2, 0, 1)[None] / 255
        agreement.append(lr_psnr(made, small[None] / 255).item())
    assert agreement[1] > agreement[0] + 5


def test_the_mean_over_flips_does_not_depend_on_how_a_picture_is_held(tmp_path, face):
    """And it is close to the original."""
    small = imresize_uint8(face, 1 / 4).permute(1, 2, 0).numpy()
    made = {}
    for held, picture in (("up", small), ("flipped", small[:, ::-1]), ("turned", np.rot90(small))):
        Image.fromarray(np.ascontiguousarray(picture)).save(tmp_path / f"{held}.png")
        for name, more in (("plain", []), ("mean", ["--tta"])):
            assert main([str(tmp_path / f"{held}.png"), "-o", str(tmp_path / "out.png"), "--overwrite", *more]) == 0
            made[held, name] = np.asarray(Image.open(tmp_path / "out.png")).astype(int)
    for name, most in (("plain", False), ("mean", True)):
        apart = max(
            abs(made["flipped", name][:, ::-1] - made["up", name]).max(),
            abs(np.rot90(made["turned", name], -1) - made["up", name]).max(),
        )
        assert (apart <= 1) == most
    assert (
        psnr(
            torch.from_numpy(made["up", "mean"]).permute(2, 0, 1)[None] / 255, face[None] / 255, crop_border_px=4
        ).item()
        > 28
    )


def test_the_map_of_what_is_invented(tmp_path, face):
    scene = torch.full_like(face, 120)
    scene[:, :, 64:] = face[:, :, 64:]  # nothing on the left, a face on the right
    Image.fromarray(imresize_uint8(scene, 1 / 4).permute(1, 2, 0).numpy()).save(tmp_path / "a.png")
    assert main([str(tmp_path / "a.png"), "-o", str(tmp_path / "b.png"), "--uncertainty"]) == 0
    with Image.open(tmp_path / "b.png.invented.png") as image:
        assert image.size == (128, 128)
        made = np.asarray(image).astype(float)
    assert made[:, :48].max() < 10
    assert made[:, 64:].mean() > 5 * (made[:, :48].mean() + 1)


def test_the_models_at_hand_are_listed(capsys):
    assert main(["--list"]) == 0
    listed = capsys.readouterr().out
    assert "fast_x4\tx4, 3 channels, 0.13 M parameters" in listed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "nothing"], "nothing: no such file or folder"),
        (["--tile", "-3"], "tile=-3: the side of a tile"),
        (["--halo", "-3"], "halo=-3: LR pixels around a tile, exact or auto is needed"),
        (["--device", "abacus"], "device abacus: this machine has none"),
    ],
)
def test_mistakes_get_one_sentence(arguments, message, tmp_path, pixels, capsys):
    Image.fromarray(pixels[..., :3]).save(tmp_path / "in.png")
    assert main([str(tmp_path / "in.png"), "-o", str(tmp_path / "out"), *arguments]) == 1
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert message in told
    assert not (tmp_path / "out").exists()


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


def test_between_two_models(face, tmp_path, capsys):
    Image.fromarray(face[:, :32, :32].permute(1, 2, 0).numpy()).save(tmp_path / "in.png")
    command = [str(tmp_path / "in.png"), "--model", "fast_x4"]
    made = {}
    for name, more in (("first", []), ("between", ["--model", "srgan_x4", "--blend", "0.5"])):
        assert main([*command, *more, "-o", str(tmp_path / f"{name}.png")]) == 0
        made[name] = formats.read(tmp_path / f"{name}.png").astype(int)
    assert made["first"].shape == made["between"].shape == (128, 128, 3)
    assert 0 < abs(made["first"] - made["between"]).mean() < 10
    for more in (["--blend", "0.5"], ["--model", "srgan_x4"], ["--model", "srgan_x4"] * 2 + ["--blend", "1"]):
        assert main([*command, *more, "-o", str(tmp_path / "no.png")]) == 1
        assert "--blend W mixes two models" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*command, "--blend", "1.5", "-o", str(tmp_path / "no.png")])


def test_between_clean_and_damaged(face, tmp_path, capsys):
    """--denoise is a blend of the two models that are made for it."""
    Image.fromarray(face[:, :32, :32].permute(1, 2, 0).numpy()).save(tmp_path / "in.png")
    command = [str(tmp_path / "in.png"), "-o", str(tmp_path / "out.png"), "--overwrite"]
    made = []
    for words in (["--denoise", "0"], ["--model", "fast_x4"], ["--denoise", "1"], ["--model", "real_x4"],
                  ["--denoise", ".4"], ["--model", "fast_x4", "--model", "real_x4", "--blend", ".4"]):  # fmt: skip
        assert main([*command, *words]) == 0
        made.append(formats.read(tmp_path / "out.png"))
    for one, other in zip(made[::2], made[1::2], strict=True):
        np.testing.assert_array_equal(one, other)
    assert main([*command, "--denoise", "0", "--model", "fast_x4"]) == 1
    assert "leave out --model and --blend" in capsys.readouterr().err


def test_help_names_the_options_of_the_readme(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    for option in (
        "--labels",
        "--nodata",
        "--blend",
        "--denoise",
        "--axis",
        "--precision",
        "--uncertainty",
        "--back-project",
        "--size",
        "--tile",
        "--halo",
    ):
        assert option in told


def test_a_folder_of_photographs_and_labels(model, pixels, tmp_path, capsys):
    """Each file as it is meant, whatever the network and the other options are."""
    (tmp_path / "in").mkdir()
    classes = np.kron(np.random.default_rng(0).integers(0, 4, (5, 6)), np.ones((4, 4), int)).astype(np.uint8)
    Image.fromarray(pixels[..., :3]).save(tmp_path / "in" / "photo.png")
    for name in ("street_dseg.png", "untold.png"):
        Image.fromarray(classes).save(tmp_path / "in" / name)
    command = [str(tmp_path / "in"), "--model", str(model), "--tta", "--back-project", "--range", "0", "255", "-o"]
    assert main([*command, str(tmp_path / "auto")]) == 0
    told = capsys.readouterr().out
    assert "street_dseg.png: labels (its name, _dseg), by nearest: each value is one of the file's" in told
    assert "untold.png: only 4 different numbers: if they are labels, --labels nearest keeps them" in told
    assert main([*command, str(tmp_path / "nearest"), "--labels", "nearest"]) == 0
    for folder, name in (("auto", "street_dseg.png"), ("nearest", "street_dseg.png"), ("nearest", "untold.png")):
        assert np.array_equal(formats.read(tmp_path / folder / name)[..., 0], classes.repeat(2, 0).repeat(2, 1))
    assert main([*command, str(tmp_path / "no"), "--labels", "no"]) == 0
    assert "enlarged as amounts, though it holds labels (its name, _dseg)" in capsys.readouterr().out
    assert len(np.unique(formats.read(tmp_path / "no" / "street_dseg.png"))) > 4


def test_nodata_is_for_scenes(pixels, tmp_path, capsys):
    Image.fromarray(pixels[..., :3]).save(tmp_path / "in.png")
    command = [str(tmp_path / "in.png"), "--model", "bicubic", "--nodata", "0", "-o", str(tmp_path / "out.png")]
    assert main(command) == 0
    assert "--nodata is not used: it is for scenes (GeoTIFF)" in capsys.readouterr().out


def test_a_map_is_neither_left_alone_nor_overwritten(pixels, tmp_path, capsys):
    Image.fromarray(pixels).save(tmp_path / "in.png")
    command = [str(tmp_path / "in.png"), "--model", "bicubic", "--scale", "2", "--uncertainty", "-o"]
    assert main([*command, str(tmp_path / "a.jpg")]) == 1  # which holds no transparency
    assert files_in(tmp_path) == ["in.png"]
    (tmp_path / "b.png.invented.png").write_bytes(b"precious")
    assert main([*command, str(tmp_path / "b.png")]) == 1
    assert "b.png.invented.png: would be overwritten" in capsys.readouterr().err
    assert (tmp_path / "b.png.invented.png").read_bytes() == b"precious"
    assert main([*command[:-2], "-o", str(tmp_path / "c.png")]) == 0
    assert main([*command, str(tmp_path / "c.png")]) == 1
    assert "c.png: is there, but no map of it; --overwrite makes both" in capsys.readouterr().err
    assert main([*command, str(tmp_path / "c.png"), "--overwrite"]) == 0
    assert main([*command, str(tmp_path / "c.png")]) == 0
    assert "1 of 1 were there already" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (["-o", "big.tga"], "big.tga: no kind of file that is written here; if it is to be a folder, make it first"),
        (["-o", "big.mp4"], "big.mp4: cannot write '.mp4' files"),
        (["-o", "out", "--precision", "fp16"], "--precision fp16: bicubic computes as it does"),
    ],
)
def test_what_would_be_ignored_is_refused(more, why, pixels, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(pixels).save(tmp_path / "in.png")
    assert main(["in.png", "--model", "bicubic", *more]) == 1
    assert why in capsys.readouterr().err
    assert files_in(tmp_path) == ["in.png"]


def test_one_name_is_not_for_many_and_scale_not_beside_size(album, tmp_path, capsys):
    assert main([str(album), "-o", str(tmp_path / "one.png"), "--model", "bicubic"]) == 1
    assert "one.png: the name of one file, where several are made; name a folder" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([str(album), "-o", str(tmp_path / "out"), "--scale", "2", "--size", "64x64"])


def test_an_interruption_while_the_model_is_read_is_one_too(monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("sr.inference.models.load", interrupt)
    assert main(["in.png", "-o", "out"]) == 130
    assert "goes on from here" in capsys.readouterr().err
