"""How well `python -m sr.degradations estimate` estimates, and the table of presets that it compares photographs with.

    python benchmarks/estimation.py PHOTOS --write                  # measure what is new in conf/degradation
    python benchmarks/estimation.py PHOTOS --confusion              # which preset is found, alone and in folders of 8

PHOTOS is a folder of clean photographs of at least 512 pixels. The table in the package was made from our training
tiles; take others for --confusion.
"""

import argparse
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf
from PIL import Image
from safetensors.numpy import load_file
from safetensors.numpy import save as serialized

from sr.config import CONF, register
from sr.estimation import Estimate, nearest, of_tiles, presets

HR_PX, TOGETHER, SAMPLES, GROUP = 512, 4, 40, 8


def config_of(name):
    register()
    with initialize_config_dir(CONF, version_base="1.3"):
        return compose("evaluate", overrides=[f"degradation={name}"]).degradation


def names():
    """Of all presets; what is made of them (mixtures, a curriculum) is not seen in one photograph."""
    files = (Path(CONF) / "degradation").glob("*.yaml")
    return sorted(file.stem for file in files if OmegaConf.load(file)["_target_"].endswith((".Chain", ".Bicubic")))


def photos(folder):
    return sorted(file for file in folder.iterdir() if file.suffix in (".png", ".jpg"))


def tile(file):
    with Image.open(file) as image:
        left, top = (max(side - HR_PX, 0) // 2 for side in image.size)
        pixels = np.asarray(image.convert("RGB").crop((left, top, left + HR_PX, top + HR_PX)))
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] / 255


def sample(chain, files, n) -> Estimate:
    """Of one photograph in four parts: four files under one draw."""
    chosen = np.random.default_rng(n).choice(len(files), TOGETHER, replace=False)
    lrs = chain(torch.cat([tile(files[i]) for i in chosen]), [n] * TOGETHER)[0]
    return of_tiles([lr.permute(1, 2, 0).numpy() for lr in lrs])


def is_current(name, files):
    """Whether the first sample of the table is about what the preset, its operators and the estimates make today."""
    seen = presets.features(sample(instantiate(config_of(name)), files, 0))
    return np.allclose(
        seen / presets.KERNELS, load_file(presets.TABLE)[name][0] / presets.KERNELS, atol=0.2, equal_nan=True
    )


def write(files, wanted):
    """Several may run beside each other, of different presets."""
    for name in wanted or names():
        if presets.TABLE.exists() and name in load_file(presets.TABLE) and is_current(name, files):
            continue
        start, chain = time.time(), instantiate(config_of(name))
        found = [presets.features(sample(chain, files, n)) for n in range(SAMPLES)]
        table = load_file(presets.TABLE) if presets.TABLE.exists() else {}
        table[name] = np.stack(found).astype(np.float32)
        presets.TABLE.write_bytes(serialized({known: table[known] for known in names() if known in table}))
        print(f"{name}: {SAMPLES} samples in {time.time() - start:.0f} s", flush=True)


def confusion(files):
    for name in presets.known():
        chain = instantiate(config_of(name))
        chain.seed = 1  # other draws than those of the table
        found = [sample(chain, files, n) for n in range(3 * GROUP)]
        alone = Counter(nearest([one]).name for one in found)
        groups = [nearest(found[i : i + GROUP]).name for i in range(0, len(found), GROUP)]
        print(f"{name}: alone {dict(alone.most_common())}, in folders of {GROUP} {groups}", flush=True)


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("photos", type=Path)
    p.add_argument("--write", nargs="*", metavar="PRESET", help="those that are new or changed; by default all such")
    p.add_argument("--confusion", action="store_true")
    given = p.parse_args()
    torch.set_num_threads(1)
    files = photos(given.photos)
    if given.write is not None:
        write(files, given.write)
    if given.confusion:
        confusion(files)
