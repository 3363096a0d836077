"""Programs of TorchScript, which bring their network along."""

import json
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sr.errors import reason

from .model import Model, tried
from .reading import UnusableWeights, sound
from .store import trained_range

CHANNELS = (3, 1, 4)  # that are tried where nothing says how many a network takes
TOUCHES_FILES = b"from_file"  # the one operation of TorchScript that reads or writes a file of its choice


def opened(path: Path, device: torch.device) -> tuple[Any, dict[str, Any]]:
    """The program, and the header that an export of ours puts into it.

    TorchScript runs no Python, but it is a program all the same: it may compute for ever.

    Raises:
        UnusableWeights: torch cannot run it, it reads or writes files, or its weights are not sound.
    """
    told = {"header.json": ""}
    try:
        with zipfile.ZipFile(path) as archive:
            if any(TOUCHES_FILES in archive.read(name) for name in archive.namelist() if name.endswith(".py")):
                raise ValueError("its program opens files of its own choice")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that TorchScript is deprecated
            program = torch.jit.load(path, map_location=device, _extra_files=told).eval()
        sound({key: value.cpu() for key, value in program.state_dict().items()})
        about = {key: json.loads(value) for key, value in json.loads(told["header.json"] or "{}").items()}
    except Exception as error:  # whatever a damaged file makes of it
        raise UnusableWeights(f"{path}: no TorchScript that can be run ({reason(error)})") from error
    return program, about


def load(path: Path, device: torch.device) -> Model:
    """A network in TorchScript: one tensor N C H W in [0, 1] to N C sH sW.

    Raises:
        UnusableWeights: as `opened` says, or it makes something else than an image of an image.
    """
    program, about = opened(path, device)

    def run(lr: Tensor) -> Tensor:
        return program(lr.clone())

    refusal: UnusableWeights | None = None
    for channels in [about["channels"]] if isinstance(about.get("channels"), int) else CHANNELS:
        try:
            scale = tried(path, run, channels, device)
        except UnusableWeights as error:
            refusal = refusal or error
            continue
        count = sum(p.numel() for p in program.parameters())
        return Model(run, scale, channels, count, bounded=False, range=trained_range(path, about))
    assert refusal is not None
    raise refusal
