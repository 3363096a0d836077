"""Enlarge your own pictures: `python -m sr.upscale PHOTO... -o OUT --model RUN_OR_FILE`."""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
from torch import Tensor
from tqdm import tqdm

from sr.errors import UserError
from sr.formats import image as formats
from sr.inference import weights
from sr.resize import imresize


def main(arguments: list[str] | None = None) -> int:
    """Enlarge every picture; returns the exit status: 0, or 1 where a picture could not be enlarged."""
    options = parser().parse_args(arguments)
    device = torch.device("cuda" if options.device == "auto" and torch.cuda.is_available() else
                          "cpu" if options.device == "auto" else options.device)  # fmt: skip
    try:
        generator, about = weights.load(options.model)
    except weights.UnusableWeights as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    generator = generator.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    failed = []
    for path in tqdm(options.images, unit="image", disable=None if len(options.images) > 1 else True):
        try:
            target = place(path, options.out, about["scale"], single=len(options.images) == 1)
            if target.exists() and not options.overwrite:
                raise UserError(f"{target} exists; --overwrite replaces it")
            pixels = formats.read(path)
            formats.write(target, enlarge(generator, pixels, about["channels"], about["scale"], device))
            print(target)
        except (ValueError, OSError, RuntimeError) as error:
            failed.append(f"{path}: {error}" if str(path) not in str(error) else str(error))
    for reason in failed:
        print(f"failed: {reason}", file=sys.stderr)
    return 1 if failed else 0


def parser() -> argparse.ArgumentParser:
    """Of the command line."""
    p = argparse.ArgumentParser(prog="python -m sr.upscale", description=__doc__)
    p.add_argument("images", nargs="+", type=Path, help="PNG, JPEG, WebP, BMP or TIFF, 8 bit")
    p.add_argument("-o", "--out", type=Path, required=True, help="a folder, or for one image a file")
    p.add_argument("--model", required=True, help="a .safetensors file, or the folder of a run")
    p.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 ...")
    p.add_argument("--overwrite", action="store_true", help="replace files that are there already")
    return p


def place(path: Path, out: Path, scale: int, single: bool) -> Path:
    """Where the enlarged `path` goes: `out` itself where that is a file name, otherwise `out/<name>_x4.<suffix>`."""
    if single and out.suffix.lower() in formats.SUFFIXES and not out.is_dir():
        return out
    return out / f"{path.stem}_x{scale}{path.suffix}"


@torch.inference_mode()
def enlarge(generator: nn.Module, pixels: np.ndarray, channels: int, scale: int, device: torch.device) -> np.ndarray:
    """H W C uint8 to sH sW C uint8. Gray goes through a colour network and back; alpha is enlarged bicubically.

    Raises:
        UserError: not 8 bits, or channels that the network was not made for.
    """
    if pixels.dtype != np.uint8:
        raise UserError(f"pixels are {pixels.dtype}; 8-bit images are enlarged")
    image = torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None].to(device).float() / 255
    alpha = None
    if image.shape[1] in (2, 4) and channels in (1, 3) and image.shape[1] != channels:
        image, alpha = image[:, :-1], image[:, -1:]
    have = image.shape[1]
    if have != channels and {have, channels} != {1, 3}:
        raise UserError(f"{have} channels, the network was made for {channels}")
    if have == 1:
        image = image.expand(-1, channels, -1, -1)
    if have == 3 and channels == 1:  # a gray network enlarges each colour on its own
        sr = generator(image.transpose(0, 1)).transpose(0, 1)
    else:
        sr = generator(image.contiguous(memory_format=torch.channels_last))
    if have == 1 and channels == 3:
        sr = sr.mean(1, keepdim=True)
    if alpha is not None:
        sr = torch.cat([sr, imresize(alpha, scale)], 1)
    return to_uint8(sr[0])


def to_uint8(image: Tensor) -> np.ndarray:
    """C H W in [0, 1] to H W C uint8, rounded."""
    return (image.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()


if __name__ == "__main__":
    sys.exit(main())
