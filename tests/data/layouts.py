"""Sets as they are published and kept, made small: LR is every fourth pixel of HR, and other scales are gray."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests import pictures as formats

SIZE = (40, 48)
COUNT = 6
# Name -> files of image i: HR, LR of scale 4, and what must not be taken for either.
LAYOUTS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "benchmark": ("HR_x4/img_{i:03}.png", "LR_x4/img_{i:03}.png", ("HR_x2/img_{i:03}.png", "LR_x2/img_{i:03}.png")),
    "SelfExSR": ("image_SRF_4/img_{i:03}_SRF_4_HR.png", "image_SRF_4/img_{i:03}_SRF_4_LR.png",
                 ("image_SRF_4/img_{i:03}_SRF_4_bicubic.png", "image_SRF_4/img_{i:03}_SRF_4_SRCNN.png",
                  "image_SRF_2/img_{i:03}_SRF_2_HR.png", "image_SRF_2/img_{i:03}_SRF_2_LR.png")),
    "BasicSR": ("GTmod12/a{i}.png", "LRbicx4/a{i}.png", ("LRbicx2/a{i}.png", "LRbicx3/a{i}.png")),
    "EDSR": ("HR/a{i}.png", "LR_bicubic/X4/a{i}x4.png", ("LR_bicubic/X2/a{i}x2.png",)),
    "DIV2K": ("DIV2K_train_HR/{i:04}.png", "DIV2K_train_LR_bicubic/X4/{i:04}x4.png",
              ("DIV2K_train_LR_bicubic/X2/{i:04}x2.png",)),
    "DIV2K, short": ("DIV2K_train_HR/{i:04}.png", "LR_bicubic/X4/{i:04}x4.png", ("LR_bicubic/X2/{i:04}x2.png",)),
    "sub-images": ("DIV2K_train_HR_sub/{i:04}_s001.png", "DIV2K_train_LR_bicubic/X4_sub/{i:04}_s001.png",
                   ("DIV2K_train_LR_bicubic/X2_sub/{i:04}_s001.png",)),
    "RealSR": ("Canon/Test/4/Canon_{i:03}_HR.png", "Canon/Test/4/Canon_{i:03}_LR4.png",
               ("Canon/Test/2/Canon_{i:03}_HR.png", "Canon/Test/2/Canon_{i:03}_LR2.png")),
    "RealSR, two cameras": ("Canon/4/{i:03}_HR.png", "Canon/4/{i:03}_LR4.png", ()),
    "DRealSR": ("Test_x4/test_HR/p_{i}_x1.png", "Test_x4/test_LR/p_{i}_x4.png", ()),
    "one folder": ("p_{i}_x1.png", "p_{i}_x4.png", ("p_{i}_x2.png",)),
    "gt and lq": ("gt/{i}.png", "lq/{i}.png", ()),
    "train and test": ("train/HR/{i}.png", "train/LR/{i}.png", ()),
    "prefixes": ("HR_{i}.png", "LR_{i}.png", ()),
    "HR without a name": ("images/{i}.png", "LR_x4/{i}x4.png", ()),
}  # fmt: skip


def lay(folder: Path, layout: str, make: Callable[..., list[np.ndarray]]) -> list[np.ndarray]:
    """Write a layout; returns its HR images, in order."""
    hr_name, lr_name, others = LAYOUTS[layout]
    made = make(folder, " ".join(hr_name.format(i=i) for i in range(COUNT)), SIZE)
    for i, pixels in enumerate(made):
        formats.write(folder / lr_name.format(i=i), np.ascontiguousarray(pixels[::4, ::4]))
        for other in others:
            by = 2 if "2" in other else 1
            formats.write(folder / other.format(i=i), np.full((SIZE[0] // by, SIZE[1] // by, 3), 128, np.uint8))
    return made
