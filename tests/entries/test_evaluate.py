"""The real command, as users type it."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import sleep

import imagecodecs
import numpy as np
import pytest
import torch
from PIL import Image

from sr.data.sets import open_set
from sr.generators import Compact
from sr.image.resize import imresize_uint8
from sr.judge.score import pair_of
from sr.metrics import psnr
from sr.weights import store as weights
from tests import pictures as formats

from .. import ready

ARGUMENTS = {"scale": 4, "channels": 3, "width": 4, "depth": 1}
ABOUT = {"generator": "Compact", "arguments": ARGUMENTS, "scale": 4, "channels": 3}


@pytest.fixture
def evaluate(tmp_path, environment) -> Callable[..., subprocess.CompletedProcess]:
    """Runs `python -m sr.evaluate ... out=OUT` in a folder of its own."""

    def evaluate(*arguments: str, status: int = 0, launcher: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
        command = [*launcher, "sr.evaluate", "out=OUT", *arguments]
        if launcher:
            done = subprocess.run(
                [sys.executable, *command], cwd=tmp_path, env=environment, capture_output=True, text=True
            )
        else:
            done = ready.run(command, tmp_path, environment)
        assert done.returncode == status, done.stdout + done.stderr
        return done

    return evaluate


@pytest.fixture
def network(tmp_path) -> Path:
    """Weights of ours, nearly those of nearest neighbour."""
    torch.manual_seed(0)
    file = tmp_path / "ours.safetensors"
    weights.save(file, Compact(**ARGUMENTS), ABOUT)
    return file


def rows(folder: Path) -> list[dict]:
    return json.loads((folder / "OUT" / "metrics.json").read_text())["rows"]


def test_everything_that_it_leaves_behind(evaluate, network, small_photos, tmp_path):
    done = evaluate("model=[bicubic,ours.safetensors]", f"sets=[{small_photos}]", "metrics.dists.weights=nowhere.pth",
                    "metrics.lpips.weights=nowhere.pth", "~metrics.niqe")  # fmt: skip
    found = json.loads((tmp_path / "OUT" / "metrics.json").read_text())
    assert set(found) == {"protocol", "environment", "rows", "paired"}
    assert [row["model"] for row in found["rows"]] == ["bicubic", "ours"]
    row = found["rows"][1]
    assert (row["scale"], row["n"], row["parameters"]) == (
        4,
        8,
        sum(p.numel() for p in Compact(**ARGUMENTS).parameters()),
    )
    assert row["ci95"]["psnr_y"][0] < row["psnr_y"] < row["ci95"]["psnr_y"][1]
    assert row["ms_per_mp"] > 0 < row["peak_mb"]
    for name in ("psnr_y", "ssim_y", "psnr_rgb", "ssim_rgb", "st_lpips", "lr_psnr"):
        assert name in found["protocol"]
        assert isinstance(row[name], float)

    with open(tmp_path / "OUT" / "per_image.csv", newline="") as file:
        images = list(csv.DictReader(file))
    assert len(images) == 16
    ours = [float(image["psnr_y"]) for image in images if image["model"] == "ours"]
    assert np.mean(ours) == pytest.approx(row["psnr_y"], abs=1e-9)
    theirs = [float(image["psnr_y"]) for image in images if image["model"] == "bicubic"]
    pair = next(pair for pair in found["paired"] if pair["metric"] == "psnr_y")
    assert pair["better"] == sum(np.greater(ours, theirs))
    assert pair["difference"] == pytest.approx(np.mean(np.subtract(ours, theirs)))
    assert f"ours is better than bicubic on {pair['better']} of 8 images" in done.stdout

    page = (tmp_path / "OUT" / "README.md").read_text()
    for text in ("| bicubic |", "panel.png", "perception_distortion.png", "python -m sr.evaluate", "no column lpips"):
        assert text in page
    # Not in the table, and the reason is told.
    assert re.search(r"no column dists: .*nowhere\.pth.*metrics\.dists\.weights=FILE", done.stdout)
    for picture in ("panel.png", "perception_distortion.png"):
        with Image.open(tmp_path / "OUT" / picture) as image:
            assert min(image.size) > 300
            assert len(image.convert("RGB").getcolors(1 << 24)) > 50
    assert sorted(path.name for path in (tmp_path / "OUT").iterdir()) == [
        "README.md", "metrics.json", "panel.png", "per_image.csv", "perception_distortion.png"]  # fmt: skip
    assert "\t" not in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "cache") == ["OUT", "ours.safetensors"]


@pytest.mark.slow
@pytest.mark.benchmark
@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        (4, {"Set5": (28.42, 0.8104), "Set14": (26.00, 0.7027), "BSD100": (25.96, 0.6675)}),
        (2, {"Set5": (33.66, 0.9299), "Set14": (30.24, 0.8688)}),
    ],
)
def test_bicubic_is_that_of_the_papers(evaluate, benchmarks, tmp_path, scale, expected):
    # The bicubic row of SRGAN's, EDSR's and ESRGAN's tables; there, gray files were left gray.
    evaluate("model=bicubic", f"sets=[{','.join(expected)}]", f"scale={scale}", "channels=null", "metrics=fidelity")
    assert [row["set"] for row in rows(tmp_path)] == list(expected)
    for row in rows(tmp_path):
        psnr_y, ssim_y = expected[row["set"]]
        assert row["psnr_y"] == pytest.approx(psnr_y, abs=0.02)
        assert row["ssim_y"] == pytest.approx(ssim_y, abs=0.001)


@pytest.mark.slow
@pytest.mark.benchmark
def test_the_perceptual_distance_of_bicubic_is_the_published_one(evaluate, benchmarks, tmp_path):
    folder = os.environ.get("SR_WEIGHTS")
    if not folder:
        pytest.skip("SR_WEIGHTS names no folder with lpips_alex.pt")
    lpips = "{_target_:sr.metrics.LPIPS,weights:" + str(Path(folder) / "lpips_alex.pt") + "}"
    evaluate(
        "model=bicubic", "sets=[set5,set14,bsd100]", "metrics=fidelity", "~metrics.ssim_y", f"+metrics.lpips={lpips}"
    )
    # Of the same weights by the lpips package; the papers print .3407, .4393, .5249.
    for row, expected in zip(rows(tmp_path), (0.3406, 0.4401, 0.5258), strict=True):
        assert row["lpips"] == pytest.approx(expected, abs=0.001)


@pytest.mark.slow
def test_the_scores_of_a_run_and_of_its_evaluation_are_the_same(train, evaluate, tmp_path, make):
    make(tmp_path / "sets" / "Mine" / "HR_x4", "a.png b.png", (64, 80))
    train("data.benchmarks=sets", "test=[mine]")
    (run,) = (tmp_path / "outputs" / "srgan").iterdir()
    told = json.loads((run / "metrics.json").read_text())
    kept = weights.load(run)[1]["scores"][0]["model"]  # which of its generators the run recommends
    for model, name in ((run, kept), (run / "checkpoints" / "pixel.ckpt", "pixel")):
        evaluate(f"model='{model}'", "sets=mine", "root=sets", "metrics=paper")
        found = json.loads((tmp_path / "OUT" / "metrics.json").read_text())
        (expected,) = (row for row in told["rows"] if (row["set"], row["model"]) == ("Mine", name))
        for key in ("set", "scale", "n", "psnr_y", "ssim_y", "parameters"):
            assert found["rows"][0][key] == expected[key], key
        # A training run keeps its networks, the metric's too, in another memory format: other rounding.
        assert found["rows"][0]["st_lpips"] == pytest.approx(expected["st_lpips"], abs=1e-6)
        assert found["protocol"] == told["protocol"]


@pytest.mark.slow
def test_networks_of_other_projects_score_what_direct_inference_gives(evaluate, small_photos, tmp_path):
    spandrel = pytest.importorskip("spandrel")
    from spandrel.architectures.ESRGAN import ESRGAN

    torch.manual_seed(0)
    torch.save({"params_ema": ESRGAN(num_filters=8, num_blocks=1).state_dict()}, tmp_path / "theirs.pth")
    compact = Compact(**ARGUMENTS).eval()
    for parameter in compact.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    pytest.importorskip("onnxruntime")
    free = {"lr": {2: "h", 3: "w"}, "sr": {2: "H", 3: "W"}}
    torch.onnx.export(compact, torch.rand(1, 3, 16, 16), tmp_path / "graph.onnx", dynamo=False, input_names=["lr"],
                      output_names=["sr"], dynamic_axes=free)  # fmt: skip
    evaluate("model=[theirs.pth,graph.onnx]", f"sets={small_photos}", "metrics=fidelity")

    direct = {"theirs": spandrel.ModelLoader().load_from_file(tmp_path / "theirs.pth").eval(), "graph": compact}
    expected = {}
    with torch.inference_mode():
        for name, model in direct.items():
            scores = []
            images = open_set(str(small_photos), None, 4)
            for i in range(len(images)):
                lr, hr = pair_of(images, i)
                scores.append(psnr(model(lr).clamp(0, 1), hr, crop_border_px=4).item())
            expected[name] = sum(scores) / len(scores)
    found = {row["model"]: row["psnr_y"] for row in rows(tmp_path)}
    assert found["theirs"] == expected["theirs"]
    assert found["graph"] == pytest.approx(expected["graph"], abs=1e-4)


@pytest.fixture
def hostile(tmp_path, face) -> Path:
    """Pairs, one of each kind that breaks programs."""
    root = tmp_path / "hostile"
    pixels = face.permute(1, 2, 0).numpy()
    pictures = {
        "cmyk.jpg": Image.fromarray(pixels).convert("CMYK"),
        "gray.png": Image.fromarray(pixels[..., 1]),
        "good.png": Image.fromarray(pixels),
        "palette.png": Image.fromarray(pixels).quantize(64),
        "tiny.png": Image.fromarray(pixels[:3, :3]),
        "truncated.png": Image.fromarray(pixels),
        "wrong_size.png": Image.fromarray(pixels),
    }
    for folder in ("HR", "LR"):
        (root / folder).mkdir(parents=True)
    for name, picture in pictures.items():
        picture.save(root / "HR" / name)
        small = imresize_uint8(torch.from_numpy(formats.read(root / "HR" / name).copy()).permute(2, 0, 1), 1 / 4)
        formats.write(root / "LR" / f"{Path(name).stem}.png", small.permute(1, 2, 0).numpy())
    deep = np.ascontiguousarray(pixels).astype(np.uint16) * 257
    (root / "HR" / "deep.png").write_bytes(imagecodecs.png_encode(deep))
    (root / "LR" / "deep.png").write_bytes(imagecodecs.png_encode(deep[::4, ::4].copy()))
    whole = (root / "HR" / "truncated.png").read_bytes()
    (root / "HR" / "truncated.png").write_bytes(whole[: len(whole) // 2])
    Image.fromarray(pixels[:20, :20]).save(root / "LR" / "wrong_size.png")
    Image.fromarray(pixels).save(root / "HR" / "widow.png")
    return root


def test_bad_images_are_named_and_the_rest_is_scored(evaluate, hostile, tmp_path):
    done = evaluate("model=[bicubic,nearest]", f"sets=[{hostile}]", "metrics=fidelity", status=1)
    with open(tmp_path / "OUT" / "per_image.csv", newline="") as file:
        images = {image["image"]: image for image in csv.DictReader(file) if image["model"] == "bicubic"}
    scored = {name for name, image in images.items() if image["psnr_y"]}
    assert scored == {"cmyk", "deep", "gray", "good", "palette"}
    assert all(float(images[name]["psnr_y"]) > 20 for name in scored)
    assert [row["n"] for row in rows(tmp_path)] == [5, 5]
    summary = done.stderr[done.stderr.index("4 missing:") :]
    for name, why in (("truncated", "cannot be decoded"), ("tiny", "HR is 3x3"), ("widow", "no such file"),
                      ("wrong_size", "LR is 20x20, HR 128x128 at scale 4 needs 32x32")):  # fmt: skip
        assert len([line for line in summary.splitlines() if name in line and why in line]) == 1, summary
        assert why in images[name]["failed"]
    assert "## Missing" in (tmp_path / "OUT" / "README.md").read_text()


@pytest.mark.slow
def test_an_image_too_small_for_a_metric_is_named_and_kept_in_the_others(evaluate, small_photos, tmp_path):
    done = evaluate("model=bicubic", f"sets=[{small_photos}]", "metrics=fidelity",
                    "+metrics.niqe={_target_:sr.metrics.NIQE}", status=1)  # fmt: skip
    (row,) = rows(tmp_path)
    assert row["n"] == 8
    assert row["niqe"] is None
    assert "not in niqe: NIQE needs two blocks" in done.stderr


@pytest.mark.slow
def test_two_processes_print_the_table_of_one(evaluate, network, small_photos, tmp_path):
    told = []
    for launcher in (("-m",), ("-m", "torch.distributed.run", "--nproc_per_node=2", "-m")):
        done = evaluate(
            "model=[bicubic,ours.safetensors]", f"sets=[{small_photos}]", "metrics=paper", launcher=launcher
        )
        assert done.stdout.count("| bicubic |") == 1  # the first process alone speaks
        found = json.loads((tmp_path / "OUT" / "metrics.json").read_text())
        for row in found["rows"]:
            del row["ms_per_mp"]
        told.append((found["rows"], found["paired"], found["protocol"]))
    assert told[0] == told[1]


@pytest.mark.slow
def test_bands_of_a_scene(evaluate, tmp_path):
    import tifffile

    (tmp_path / "scenes").mkdir()
    noise = np.random.default_rng(0)
    for i in range(3):
        smooth = np.kron(noise.integers(1000, 9000, (12, 12, 5)), np.ones((8, 8, 1))).astype(np.uint16)
        tifffile.imwrite(tmp_path / "scenes" / f"{i}.tif", smooth, photometric="minisblack")
    evaluate("model=[bicubic,nearest]", "sets=scenes", "channels=null", "bands=[2,1,0]", "metrics=multiband")
    bicubic, nearest = rows(tmp_path)
    for name in ("sam", "ergas"):
        assert 0 < nearest[name] < bicubic[name]  # the scenes are made of squares of 8 pixels
    assert bicubic["st_lpips"] is not None


@pytest.mark.slow
def test_interrupted_it_keeps_what_is_done(tmp_path, environment, face):
    for name, count in (("few", 1), ("many", 100)):
        for i in range(count):
            formats.write(tmp_path / name / f"{i}.png", face.permute(1, 2, 0).numpy())
    command = ["sr.evaluate", "model=bicubic", "sets=[few,many]", "metrics=paper", "out=OUT"]
    process = ready.Started(command, tmp_path, environment)
    while "bicubic on many" not in process.output[1]:
        assert process.poll() is None
        sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert [row["set"] for row in rows(tmp_path)] == ["few"]
    assert "interrupted" in output
    assert "Traceback" not in error


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["model=nothing.pth"], "nothing.pth: no such file or folder, and no interpolation"),
        (["model=ours.safetensors", "scale=2"], "enlarges by 4, scale=2 is asked for"),
        (["model=ours.safetensors", "channels=1"], "a network for 3 channels, channels=1 is asked for"),
        (["model=[bicubic,bicubic]"], "the same model twice"),
        (["sets=[nosuchset]"], "nosuchset: no such folder"),
        (["device=cuda:99"], "device cuda:99: this machine has none"),
        (["+colour=red"], "unknown key colour"),
        (["panel.box=[0,0,1000,1000]"], "panel.box=[0, 0, 1000, 1000]"),
        (["metrics.psnr_y._target_=os.system"], "_target_: os.system is refused"),
    ],
)
def test_mistakes_get_one_sentence(evaluate, network, small_photos, tmp_path, arguments, message):
    sets = [] if any(a.startswith("sets") for a in arguments) else [f"sets=[{small_photos}]"]
    done = evaluate("metrics=fidelity", *sets, *arguments, status=1)
    assert message in done.stderr.splitlines()[-1]
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "OUT").exists()
