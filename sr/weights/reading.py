"""Files of tensors, read without believing them: nothing is executed, unpacked beyond its size, or taken on trust."""

import json
import pickle
import warnings
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from sr.errors import MissingError, UserError, reason

MOST_HEADER_BYTES = 16 << 20  # of a .safetensors: names and shapes of a hundred thousand tensors
SPARE_BYTES = 64 << 20  # that the parts of an archive may take beyond the archive itself: packed program text
SHARED = 4  # times that tensors may use the same numbers
MOST_DIGITS = 5  # of a number in a tensor's name: a layer's place among others


# All that a pickle of tensors names; spandrel allows the same.
NAMES = {("collections", "OrderedDict"), ("typing", "OrderedDict"), ("torch._utils", "_rebuild_tensor_v2"),
         ("torch._utils", "_rebuild_parameter"),
         *(("torch", f"{kind}Storage") for kind in ("BFloat16", "Float", "Half", "Int", "Long", "Double"))}  # fmt: skip


class UnusableWeights(UserError):
    """A file that is not weights, or not of a network known here."""


class MissingWeights(UnusableWeights, MissingError):
    """There is no such file or folder."""


def header_of(path: Path) -> dict[str, str]:
    """What a `.safetensors` says of itself, as it is written there.

    Raises:
        UnusableWeights: it is none.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
        if MOST_HEADER_BYTES < length <= path.stat().st_size:
            raise ValueError(f"its header has {length / 1e6:.0f} MB, at most {MOST_HEADER_BYTES / 1e6:.0f} are read")
        with safe_open(path, "pt") as opened:
            return opened.metadata() or {}
    except (SafetensorError, OSError, ValueError) as error:
        raise UnusableWeights(f"{path}: not a weights file ({reason(error)})") from error


def opened(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Header and tensors of a `.safetensors`; of a header that is not ours, the values stay text."""
    header = header_of(path)
    try:
        with safe_open(path, "pt") as file:
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
        about = {key: json.loads(value) for key, value in header.items()} if "generator" in header else header
        return dict(about), state
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise UnusableWeights(f"{path}: not a weights file ({reason(error)})") from error


def unpickled(path: Path) -> dict[str, Any]:
    """What torch saved in a file, tensors and plain values alone; nothing in it is executed."""
    try:
        _refuse_packed(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about protocols
            try:
                found = torch.load(path, map_location="cpu", weights_only=True)
            except Exception:  # torch reads the pickles of old protocols alone, and advises to read others unsafely
                if is_script(path):
                    raise ValueError("it is a program of TorchScript's") from None
                found = torch.load(path, map_location="cpu", weights_only=False, pickle_module=TENSORS)
    except UnusableWeights:
        raise
    except Exception as error:  # whatever a damaged or a stranger's pickle makes of it
        raise UnusableWeights(f"{path}: not a checkpoint that can be read safely ({reason(error)})") from error
    return found if isinstance(found, dict) else {}


class _Tensors(pickle.Unpickler):
    """Python's own, of any protocol, which makes nothing but tensors, numbers, text, lists and tables."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in NAMES:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is no tensor")
        return super().find_class(module, name)


TENSORS: Any = SimpleNamespace(
    __name__="pickle", Unpickler=_Tensors, load=lambda *given, **options: _Tensors(*given, **options).load()
)


def is_script(path: Path) -> bool:
    """Whether a file is a program of TorchScript's."""
    with suppress(OSError, zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
        return any("/code/" in name for name in archive.namelist())
    return False


def sound(state: Mapping[str, Any]) -> None:
    """Refuse what no trained network is made of.

    Raises:
        UnusableWeights: names or values that are none, numbers that the file does not hold, NaN, infinity; which.
    """
    held: dict[int, int] = {}
    claimed = 0
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise UnusableWeights(f"{name!r} is a {type(value).__name__}; a tensor with a name is needed")
        if long := next((part for part in name.split(".") if part.isdecimal() and len(part) > MOST_DIGITS), ""):
            raise UnusableWeights(f"its names count layers up to {long[:20]}; no network is that deep")
        if value.layout != torch.strided or value.is_quantized or value.is_complex() or value.device.type != "cpu":
            kind = "quantized" if value.is_quantized else f"{value.layout} {value.dtype} on {value.device}"
            raise UnusableWeights(f"{name} is {kind}; plain real numbers are needed")
        held[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
        claimed += value.nbytes
    if claimed > SHARED * sum(held.values()):
        raise UnusableWeights(f"its tensors claim {claimed / 1e6:.0f} MB, of which the file holds "
                              f"{sum(held.values()) / 1e6:.3g}")  # fmt: skip
    for name, value in state.items():
        if value.is_floating_point() and value.numel():
            least, most = torch.aminmax(value.float() if value.itemsize == 1 else value)
            if not (least.isfinite() and most.isfinite()):
                raise UnusableWeights(f"{name} holds NaN or infinity; name weights of a training that went well")


def _refuse_packed(path: Path) -> None:
    """An archive of torch's stores its tensors as they are: one that becomes much larger was made to harm."""
    with suppress(zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
        unpacked, size = sum(part.file_size for part in archive.infolist()), path.stat().st_size
        if unpacked > size + SPARE_BYTES:
            raise UnusableWeights(f"{path}: not a checkpoint that can be read safely ({size / 1e6:.3g} MB that unpack "
                                  f"to {unpacked / 1e6:.0f})")  # fmt: skip
