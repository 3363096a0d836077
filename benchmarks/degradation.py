"""Images a second of the whole Real-ESRGAN chain, beside the same chain image by image with OpenCV and Pillow.

    python benchmarks/degradation.py [--hr 128 256] [--batch 16] [--rounds 10] [--device cpu] [--json FILE]

Ours degrades batches in one process, as training does (on a CPU with as many threads, each with samples of its own);
OpenCV, NumPy and Pillow do it image by image in as many worker processes, whose results come back through a pipe, as
with a DataLoader. Both do what conf/degradation/realesrgan.yaml says, with the same parameters for each sample. They
take turns, round by round, so that a machine whose speed drifts favours neither; the ratio is the median of the
rounds'. The last column is our share of a training step: of a small network on L1, with the same batch.
"""

import argparse
import io
import json
import statistics
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from PIL import Image
from scipy import special

from sr.config import CONF, register
from sr.data import photos
from sr.degradations import Chain
from sr.generators import Compact

METHODS = {"area": cv2.INTER_AREA, "bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--hr", type=int, nargs="+", default=[128, 256], help="sides of the crops in pixels")
    options.add_argument("--batch", type=int, default=16)
    options.add_argument("--rounds", type=int, default=10, help="batches of each contender")
    options.add_argument("--cores", type=int, default=torch.get_num_threads(), help="our threads, their processes")
    options.add_argument("--device", default="cpu")
    options.add_argument("--json", type=Path, help="file for the figures")
    given = options.parse_args()
    torch.set_num_threads(given.cores)

    chain = load("realesrgan").to(given.device)
    figures = []
    print("| HR | ours, images/s | OpenCV and Pillow, images/s | ratio | share of a step |\n|---|---|---|---|---|")
    with ProcessPoolExecutor(given.cores, get_context("spawn")) as pool:
        for side in given.hr:
            hr = crops(side, given.batch)
            pixels = [np.ascontiguousarray(image.permute(1, 2, 0)) for image in hr]
            hr = hr.to(given.device)
            generator = Compact(scale=4, channels=3, width=32, depth=8).to(given.device)
            optimizer = torch.optim.Adam(generator.parameters(), fused=True)
            seconds: dict[str, list[float]] = {"ours": [], "theirs": [], "step": []}
            for turn in range(-2, given.rounds):  # the first two warm up
                numbers = range((turn + 2) * given.batch, (turn + 3) * given.batch)
                made = partial(chain, hr, numbers)
                theirs = partial(by_workers, pool, given.cores, pixels, [chain.draws(n) for n in numbers])
                lr = made()[0]
                step = partial(update, generator, optimizer, lr, hr)
                for name, work in (("ours", made), ("theirs", theirs), ("step", step)):
                    took = timed(work, given.device)
                    if turn >= 0:
                        seconds[name].append(took)
            ours, theirs_rate = (given.batch / statistics.median(seconds[name]) for name in ("ours", "theirs"))
            ratio = statistics.median(b / a for a, b in zip(seconds["ours"], seconds["theirs"], strict=True))
            share = statistics.median(a / (a + b) for a, b in zip(seconds["ours"], seconds["step"], strict=True))
            print(f"| {side} | {ours:.0f} | {theirs_rate:.0f} | {ratio:.2f} | {share:.0%} |", flush=True)
            figures.append({"hr": side, "ours": ours, "theirs": theirs_rate, "ratio": ratio, "share": share})
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n")


def load(name: str) -> Chain:
    register()
    with initialize_config_dir(CONF, version_base="1.3"):
        return instantiate(compose("train", overrides=[f"degradation={name}"]).degradation)


def crops(side: int, batch: int) -> torch.Tensor:
    """N 3 side side in [0, 1], out of scikit-image's photographs."""
    found = []
    for n in range(batch):
        with Image.open(photos.folder() / photos.TRAINING[n % len(photos.TRAINING)]) as image:
            pixels = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
        top, left = (size - side for size in pixels.shape[1:])
        found.append(pixels[:, top // 2 :, left // 2 :][:, :side, :side] / 255)
    return torch.stack(found)


def timed(work, device: str) -> float:
    start = perf_counter()
    work()
    if device != "cpu":
        torch.cuda.synchronize()
    return perf_counter() - start


def update(generator, optimizer, lr: torch.Tensor, hr: torch.Tensor) -> None:
    """One step of the PSNR stage."""
    optimizer.zero_grad(set_to_none=True)
    torch.nn.functional.l1_loss(generator(lr.to(memory_format=torch.channels_last)), hr).backward()
    optimizer.step()


# --- the same chain, image by image ------------------------------------------------------------------------------


def by_workers(pool: ProcessPoolExecutor, workers: int, images, draws) -> None:
    list(pool.map(degraded, images, draws, chunksize=-(-len(images) // workers)))


def degraded(image: np.ndarray, draws) -> np.ndarray:
    """H W 3 in [0, 1] to the LR image, with OpenCV, NumPy and Pillow."""
    cv2.setNumThreads(1)
    lr_size = [size // 4 for size in image.shape[:2]]
    for name, draw in draws:
        kind = name.rpartition(".")[2].split("_")[0]
        image = STEPS[kind](image, draw, lr_size)
    return np.clip((image * 255).round(), 0, 255).astype(np.float32) / 255


def blur(image, draw, _):
    return cv2.filter2D(image, -1, kernel(draw), borderType=cv2.BORDER_REFLECT_101)


def kernel(draw) -> np.ndarray:
    at = np.arange(draw["size"], dtype=np.float32) - draw["size"] // 2
    x, y = np.meshgrid(at, at)
    if draw.get("shape") == "sinc":
        r, w = np.hypot(x, y), draw["cutoff"]
        with np.errstate(invalid="ignore", divide="ignore"):
            made = w * special.j1(w * r) / (2 * np.pi * r)
        made[len(at) // 2, len(at) // 2] = w**2 / (4 * np.pi)
    else:
        cos, sin = np.cos(draw["angle"]), np.sin(draw["angle"])
        squared = ((x * cos + y * sin) / draw["sigma"]) ** 2 + ((y * cos - x * sin) / draw["sigma_2"]) ** 2
        power = squared ** draw["beta"] if "beta" in draw else squared
        made = 1 / (1 + power) if draw["shape"].startswith("plateau") else np.exp(-0.5 * power)
    return (made / made.sum()).astype(np.float32)


def resize(image, draw, lr_size):
    of = lr_size if draw["of"] == "lr" else image.shape[:2]
    height, width = (max(1, int(size * draw["factor"])) for size in of)
    return cv2.resize(image, (width, height), interpolation=METHODS[draw["method"]])


def gaussian(image, draw, _):
    random = np.random.default_rng(draw["seed"])
    shape = (*image.shape[:2], 1) if draw["kind"] == "gray" else image.shape
    noise = random.standard_normal(shape, np.float32)
    return np.clip(image + noise * np.float32(draw["sigma"] / 255), 0, 1)


def poisson(image, draw, _):
    random = np.random.default_rng(draw["seed"])
    of = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None] if draw["gray"] else image
    of = np.clip((of * 255).round(), 0, 255) / 255
    photons = 2 ** np.ceil(np.log2(len(np.unique(of))))
    noise = (random.poisson(of * photons) / photons - of).astype(np.float32)
    return np.clip(image + noise * np.float32(draw["scale"]), 0, 1)


def jpeg(image, draw, _):
    file = io.BytesIO()
    pixels = np.clip((image * 255).round(), 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(file, "JPEG", quality=draw["quality"], subsampling=2)
    return np.asarray(Image.open(file)).astype(np.float32) / 255


STEPS = {"blur": blur, "sinc": blur, "resize": resize, "gaussian": gaussian, "poisson": poisson, "jpeg": jpeg}


if __name__ == "__main__":
    main()
