"""Writes docs/networks.md: `python docs/networks.py`, or with names of architectures prints their rows.

One variant of each architecture of spandrel's gets random weights, is saved as a .pth without a word about what it is,
and is enlarged with as by `python -m sr.upscale` and as by spandrel itself.
"""

import sys
import tempfile
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import spandrel
import torch

from sr.errors import UserError, reason
from sr.generators import Spandrel
from sr.generators.spandrel import architectures
from sr.inference import models
from sr.inference.reach import LEVEL

TARGET = Path(__file__).with_suffix(".md")
SIZE_PX = (40, 56)  # height and width of the picture

WINDOWS = {"img_size": 16, "window_size": 8, "embed_dim": 12, "depths": [2], "num_heads": [2], "upscale": 2}
SHUFFLED = WINDOWS | {"upsampler": "pixelshuffledirect"}
# Arguments of a small variant; of those that are not here, the only one there is.
VARIANTS: dict[str, dict[str, Any]] = {
    "AuraSR": {"dim": 8, "image_size": None, "input_image_size": None, "unconditional": True, "skip_connect_scale": 0.4,
               "self_attn_dim_head": 8, "style_network": {"dim_in": 8, "dim_out": 32, "depth": 2}},
    "ATD": SHUFFLED | {"category_size": 16, "num_tokens": 8},
    "CRAFT": {"embed_dim": 12, "depths": [2], "num_heads": [6], "upscale": 2},
    "Compact": {"num_feat": 8, "num_conv": 2, "upscale": 2},
    "DAT": {"img_size": 16, "embed_dim": 16, "split_size": [8, 8], "depth": [2], "num_heads": [2], "upscale": 2},
    "DCTLSA": {"nf": 20, "upscale": 2},
    "DITN": {"dim": 12, "ITL_blocks": 1, "SAL_blocks": 1, "upscale": 2},
    "DRCT": WINDOWS | {"upsampler": "pixelshuffle", "gc": 8},
    "DRUNet": {"in_nc": 4, "out_nc": 3, "nc": [8, 8, 8, 8]},
    "DnCNN": {"nc": 8},
    "ESRGAN": {"num_filters": 8, "num_blocks": 1, "scale": 2},
    "FBCNN": {"nc": [8, 8, 8, 512]},
    "FDAT": {"embed_dim": 16, "num_groups": 1, "num_heads": 2, "scale": 2},
    "FFTformer": {"dim": 8, "num_blocks": [1, 1, 1], "num_refinement_blocks": 1},
    "GRL": {"img_size": 16, "embed_dim": 12, "depths": [2], "num_heads_window": [1], "num_heads_stripe": [1],
            "upscale": 2, "upsampler": "pixelshuffledirect"},
    "HAT": WINDOWS | {"upsampler": "pixelshuffle", "compress_ratio": 2, "squeeze_factor": 2, "window_size": 8},
    "HVICIDNet": {"channels": [8, 8, 8, 8], "heads": [1, 1, 1, 1]},
    "IPT": {"num_layers": 1, "scale": [2]},
    "KBNet_l": {"num_blocks": [1, 1, 1, 1], "num_refinement_blocks": 1},
    "KBNet_s": {"width": 8, "middle_blk_num": 1, "enc_blk_nums": [1, 1], "dec_blk_nums": [1, 1]},
    "MMRealSR": {"num_in_ch": 3, "num_out_ch": 3, "num_feat": 8, "num_block": 1, "num_grow_ch": 4},
    "MixDehazeNet": {"embed_dims": [8, 8, 8, 8, 8]},
    "MoESR": {"dim": 16, "n_blocks": 1, "n_block": 1, "scale": 2},
    "MoSR": {"dim": 16, "n_block": 1, "upscale": 2},
    "NAFNet": {"width": 8, "middle_blk_num": 1, "enc_blk_nums": [1], "dec_blk_nums": [1]},
    "OmniSR": {"num_feat": 16, "up_scale": 2},
    "PLKSR": {"dim": 16, "n_blocks": 1, "upscaling_factor": 2},
    "RCAN": {"scale": 2, "n_resgroups": 1, "n_resblocks": 1, "n_feats": 16},
    "RGT": {"img_size": 16, "embed_dim": 16, "depth": [2], "num_heads": [2], "upscale": 2},
    "RealPLKSR": {"dim": 16, "n_blocks": 1, "upscaling_factor": 2},
    "RetinexFormer": {"n_feat": 8, "stage": 1},
    "SAFMN": {"dim": 12, "n_blocks": 1, "upscaling_factor": 2},
    "SAFMNBCIE": {"dim": 12, "n_blocks": 1, "num_layers": 1, "upscaling_factor": 2},
    "SCUNet": {"config": [1, 1, 1, 1, 1, 1, 1]},
    "SPAN": {"num_in_ch": 3, "num_out_ch": 3, "feature_channels": 8, "upscale": 2},
    "SeemoRe": {"embedding_dim": 8, "num_layers": 1, "scale": 2},
    "SwiftSRGAN": {"num_channels": 8, "num_blocks": 1, "upscale_factor": 2},
    "Swin2SR": SHUFFLED,
    "SwinIR": SHUFFLED,
    "Uformer": {"img_size": 128, "embed_dim": 8, "depths": [1] * 9, "num_heads": [1] * 9},
}  # fmt: skip

HEAD = """# Networks of others

**What is taken**: state dicts, bare or under the names that BasicSR, traiNNer and others give them (`params_ema`,
`params`, `state_dict` ...), as `.pth`, `.pt`, `.ckpt` or `.safetensors`; checkpoints of Lightning, whose generator is
called `net_g`, `generator`, `model` or the like; programs of TorchScript, also of an architecture that nobody knows;
`.onnx` of any size, or of one size, in windows of which other images are enlarged. Where `spandrel_extra_arches` is
installed, its architectures are known, too.

**What is believed**: nothing. Pickles load tensors and plain values alone. A network is built for no more memory than
its file is worth; names, shapes, scale and channels are compared with what the header says; a gray picture goes through
networks of others. Refused in a sentence are NaN and infinity, tensors that claim more than the file holds, archives
that unpack to more than they are, networks that fail, and TorchScript that opens files. A graph or a program may still
compute for ever: run those of people whom you trust.

## The architectures of spandrel

Each in one variant, mostly a small one, with random weights, saved as a `.pth` that holds tensors alone, and a picture
of {size} pixels: what `--model theirs.pth` makes of it, as does every command that takes a model, against spandrel's
own call; and whether `generator=spandrel generator.architecture=CLASS` builds it. Made with spandrel {version} by
`python docs/networks.py`.

**equal**: no value differs from spandrel's by more than half a level of 8 bits. Where it is refused, the sentence
is what the command prints, behind the name of the file.

| architecture | class | variant | `--model` | `generator=spandrel` |
|---|---|---|---|---|
"""


def main(names: list[str]) -> None:
    """Write the table; or print the rows of some architectures."""
    if names:
        print("\n".join(rows(names)))
        return
    head = HEAD.format(size=f"{SIZE_PX[1]}x{SIZE_PX[0]}", version=spandrel.__version__)
    TARGET.write_text(head + "\n".join(rows(known())) + "\n")


def known() -> dict[str, Any]:
    """Class -> the architecture in spandrel's words, and the class itself."""
    return architectures(spandrel)


def rows(names: Iterable[str]) -> list[str]:
    """A row of the table for each class."""
    return [row(name) for name in names]


@torch.inference_mode()
def row(name: str) -> str:
    """What happens to one of them."""
    architecture, build = known()[name]
    torch.manual_seed(0)
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        file = Path(folder, "theirs.pth")
        torch.save(build(**VARIANTS.get(name, {})).state_dict(), file)
        try:
            theirs: Any = spandrel.ModelLoader().load_from_file(file).eval()
        except Exception as error:  # of spandrel's own
            return f"| {architecture.name} | {name} | | not tried: spandrel cannot load it ({reason(error)}) | |"
        takes, makes = theirs.input_channels, theirs.output_channels
        channels = f"{takes} to {makes} channels" if takes != makes else f"{takes} channel{'s' * (takes > 1)}"
        variant = f"x{theirs.scale}, {channels}"
        return f"| {architecture.name} | {name} | {variant} | {enlarged(file, theirs)} | {trained(name, theirs)} |"


def enlarged(file: Path, theirs: Any) -> str:
    """Whether the network enlarges a picture as spandrel has it."""
    try:
        ours = models.load(file)
        lr = torch.rand(1, theirs.input_channels, *SIZE_PX)
        expected, made = theirs(lr.clone()), ours(lr).clamp(0, 1)
    except UserError as error:
        return str(error).replace(f"{file}: ", "")
    difference = float((made - expected).abs().max())
    return "equal" if difference <= LEVEL / 2 else f"**differs by {difference / LEVEL:.1f} levels**"


def trained(name: str, theirs: Any) -> str:
    """Whether the network can be trained."""
    if not isinstance(theirs, spandrel.ImageModelDescriptor):
        return "no"
    try:
        Spandrel(name, theirs.scale, theirs.input_channels, VARIANTS.get(name, {}))
    except UserError as error:
        return f"no: {error}".split("; compare")[0].split(f"{name}: ")[-1]
    return "yes"


if __name__ == "__main__":
    main(sys.argv[1:])
