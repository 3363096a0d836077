"""What the enlarger costs: megapixels a second of the result, beside the bare network and beside hard crops.

    python benchmarks/upscale.py [--model fast_x4] [--size 1024x768] [--tile 400] [--rounds 7]

Same weights, same image, in one process; the ways take turns, so that a machine whose speed drifts favours none:

- whole: `generator(lr)`, as one writes it in PyTorch;
- ours: the enlarger, which measures the memory and then takes the whole image;
- crops: the tiling loop of Real-ESRGAN as its options have it: one tile after the other, ten pixels around each;
- tiles: ours, forced to tiles of that size, with a halo as wide as the network sees.

With each comes what its result differs from that of the whole image at most.
"""

import argparse
import statistics
from collections.abc import Callable
from time import perf_counter

import torch
from torch import Tensor

from sr.inference import memory, models
from sr.inference.models import choose_device
from sr.inference.precision import full_float32
from sr.weights import store as weights

PAD_PX = 10  # of Real-ESRGAN


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", default="fast_x4")
    options.add_argument("--size", default="1024x768", help="of the input")
    options.add_argument("--tile", type=int, default=400)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--device", default="auto")
    given = options.parse_args()

    memory.keep_freed()  # as the command does, and here for all ways
    device = choose_device(given.device)
    generator, about = weights.load(given.model)
    generator = generator.to(device, memory_format=torch.channels_last)
    width, height = (int(side) for side in given.size.split("x"))
    torch.manual_seed(0)
    lr = torch.rand(1, 3, height, width, device=device).contiguous(memory_format=torch.channels_last)
    ways: dict[str, Callable[[Tensor], Tensor]] = {
        "whole": generator,
        "ours": models.load(given.model, device=device),
        "crops": lambda lr: crops(generator, lr, about["scale"], given.tile),
        "tiles": models.load(given.model, device=device, tile=given.tile),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    with torch.inference_mode(), full_float32():  # which the enlarger asks for, and here for all ways
        reference = generator(lr)
        differences = {name: float((way(lr) - reference).abs().max()) for name, way in ways.items()}
        for _ in range(given.rounds):
            for name, way in ways.items():
                began = now(device)
                way(lr)
                seconds[name].append(now(device) - began)
    megapixels = reference[0, 0].numel() / 1e6
    print(
        f"{given.model}, {width}x{height} to {megapixels:.1f} megapixels, {device}, {torch.get_num_threads()} threads"
    )
    for name in ways:
        ratio = statistics.median(a / b for a, b in zip(seconds["whole"], seconds[name], strict=True))
        print(f"{name}\t{megapixels / statistics.median(seconds[name]):.2f} MP/s\t{ratio:.3f} of whole"
              f"\tdifference {differences[name]:.1e}")  # fmt: skip


def crops(generator: Callable[[Tensor], Tensor], lr: Tensor, scale: int, tile: int) -> Tensor:
    """One tile after the other, a little around each, whatever the network sees."""
    height, width = lr.shape[-2:]
    sr = lr.new_zeros(1, lr.shape[1], height * scale, width * scale)
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            bottom, right = min(top + tile, height), min(left + tile, width)
            above, before = max(top - PAD_PX, 0), max(left - PAD_PX, 0)
            made = generator(lr[..., above : min(bottom + PAD_PX, height), before : min(right + PAD_PX, width)])
            y, x = (top - above) * scale, (left - before) * scale
            sr[..., top * scale : bottom * scale, left * scale : right * scale] = made[
                ..., y : y + (bottom - top) * scale, x : x + (right - left) * scale
            ]
    return sr


def now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return perf_counter()


if __name__ == "__main__":
    main()
