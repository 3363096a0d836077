"""What several tests share: a real photograph, the benchmark sets, networks to look through."""

import importlib
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch
import torch.nn as nn
from PIL import Image

from sr.data import photos
from sr.image.resize import imresize
from sr.inference import models
from tests import pictures as formats


@pytest.fixture(scope="session")
def benchmarks() -> Path:
    root = os.environ.get("SR_BENCHMARKS")
    if not root:
        pytest.skip("SR_BENCHMARKS names no folder of benchmark sets")
    return Path(root)


@pytest.fixture(scope="session")
def samples(benchmarks) -> Path:
    """Real files of other kinds, in folders beside that of the benchmark sets: medical, satellite."""
    if not (benchmarks.parent / "medical").is_dir() or not (benchmarks.parent / "satellite").is_dir():
        pytest.skip(f"no medical or satellite beside {benchmarks}")
    return benchmarks.parent


@pytest.fixture(scope="session")
def face():
    """An astronaut's face, 3 128 128 uint8."""
    pixels = torch.from_numpy(formats.read(photos.folder() / "astronaut.png").copy())
    return pixels[:128, 160:288].permute(2, 0, 1).contiguous()


@pytest.fixture(scope="session")
def hr(face):
    """The face, 1 3 128 128 in [0, 1]."""
    return face[None] / 255


@pytest.fixture(scope="session")
def sr(hr):
    """The face after shrinking and enlarging by 4: what a poor enlarger would make of it."""
    return imresize(imresize(hr, 1 / 4), 4).clamp(0, 1)


@pytest.fixture(scope="session")
def stlpips():
    """The wheel's own code; what it imports without declaring or using it is stood in for."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("IPython", "torchsummary", "torchvision"):
            if find_spec(name) is None:
                patch.setitem(sys.modules, name, MagicMock())
        return importlib.import_module("stlpips_pytorch.stlpips")


@pytest.fixture(scope="module")
def bicubic():
    return models.load("bicubic", 2)


@pytest.fixture(scope="module")
def nearest():
    return models.load("nearest", 2)


@pytest.fixture
def photo(face, tmp_path):
    """A photograph with something to say of itself."""
    exif = Image.Exif()
    exif[0x010F] = "Camera & Sons"
    picture = Image.fromarray(face.permute(1, 2, 0).numpy()).resize((60, 40))
    picture.save(tmp_path / "face.jpg", exif=exif, dpi=(72, 72), quality=95)
    return tmp_path / "face.jpg"


# Convolutions of torchvision's networks (width, kernel, stride, padding) and their pooling (size), in order
ALEX = [(64, 11, 4, 2), 3, (192, 5, 1, 2), 3, (384, 3, 1, 1), (256, 3, 1, 1), (256, 3, 1, 1), 3]
VGG = [(width, 3, 1, 1) if width else 2 for width in
       (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0)]  # fmt: skip


@pytest.fixture(scope="session")
def trunks(tmp_path_factory):
    """Torchvision's AlexNet and VGG-16 below the classifier, of random weights: {net: (network, file of them)}."""
    made, random = {}, torch.Generator().manual_seed(0)
    for net, plan in (("alex", ALEX), ("vgg", VGG)):
        layers, n_in = [], 3
        for step in plan:
            if isinstance(step, int):
                layers.append(nn.MaxPool2d(step, 2))
            else:
                conv = nn.utils.skip_init(nn.Conv2d, n_in, *step)
                n_in = step[0]
                conv.weight.data.normal_(0, (2 / conv.weight[0].numel()) ** 0.5, generator=random)
                conv.bias.data.normal_(0, 0.1, generator=random)
                layers += [conv, nn.ReLU()]
        network = nn.Sequential(*layers).requires_grad_(False)
        file = tmp_path_factory.mktemp("trunks") / f"{net}.pth"
        torch.save({f"features.{key}": value for key, value in network.state_dict().items()}, file)
        made[net] = network, file
    return made


@pytest.fixture(scope="session")
def make(face):
    """make(folder, names, size) writes a picture of height and width `size` under each name, no two alike."""

    def make(folder: Path, names: str, size: tuple[int, int] = (40, 48)) -> list[np.ndarray]:
        pixels = face.permute(1, 2, 0).numpy()
        made = [pixels[5 * i :][: size[0], 7 * i :][:, : size[1]].copy() for i in range(len(names.split()))]
        for name, picture in zip(names.split(), made, strict=True):
            formats.write(folder / name, picture)
        return made

    return make


@pytest.fixture(scope="module")
def pair(sr, hr):
    """Large enough for VGG-16, small enough to be quick."""
    return sr[..., 16:80, 32:107], hr[..., 16:80, 32:107]


@pytest.fixture(scope="module")
def heads():
    """Of DISTS, at random: alpha and beta."""
    random = torch.Generator().manual_seed(0)
    return torch.rand(1475, generator=random), torch.rand(1475, generator=random)
