"""The door for Python, `sr.load` and `sr.enlarge`: the same way through the program as `python -m sr.upscale`."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np
from PIL import Image
from torch import Tensor

from sr import formats
from sr.errors import MissingError, UserError
from sr.formats import File
from sr.image.range import Range

from . import files, jobs, models
from .arrays import in_memory
from .auto import Auto
from .enlarger import Enlarger
from .labels import KEPT
from .pixels import BACK_PROJECTIONS, Options
from .precision import PRECISIONS

Picture = TypeVar("Picture", np.ndarray, Image.Image, Tensor)
PathLike = str | Path


def load(
    model: PathLike = "fast_x4", *, scale: int | None = None, device: str = "auto", tile: int | str = "auto",
    halo: int | str = "auto", precision: str = "auto",
) -> Enlarger:  # fmt: skip
    """What enlarges by one model, ready for many images.

    Args:
        model: a bundled model (`fast_x2`, `fast_x4`, `srgan_x4`), the folder of a run, a file of weights
            (.safetensors, .ckpt, .pth, .pt, .onnx, .torchscript), or bicubic, bilinear, nearest, lanczos.
        scale: that is needed; by default that of the model, and 4 for interpolation.
        device: auto, cpu, cuda, cuda:1 ...
        tile: side of the tiles in LR pixels, 0 for none; auto: whole images where the memory suffices.
        halo: LR pixels around a tile that the network is shown too; exact: all that it sees; auto: that too where it
            sees no farther than 64 pixels, otherwise what changes the result by half a level of 8 bits, as far as that
            makes at most 1.5 times the work, and by how much the result may differ is said.
        precision: fp32, fp16, bf16, or auto: fp16 on a GPU, fp32 on a CPU.

    Returns:
        For `enlarge`; or to be called itself, with float N C H W in [0, 1].

    Raises:
        UserError: in one sentence: no such model, device or precision, another scale, a package that is missing.

    Examples:
        >>> import sr, torch
        >>> enlarger = sr.load("fast_x2", device="cpu")
        >>> enlarger.scale, enlarger.channels
        (2, 3)
        >>> enlarger(torch.rand(1, 3, 24, 32)).shape
        torch.Size([1, 3, 48, 64])
    """
    if precision not in PRECISIONS:
        raise UserError(f"precision={precision}: one of {', '.join(PRECISIONS)} is needed")
    enlarger = models.load(model, scale, models.choose_device(device), tile, halo)
    enlarger.precision = precision
    return enlarger


@overload
def enlarge(
    image: Picture, model: PathLike | Enlarger | None = None, *, scale: float | None = None,
    size: tuple[int, int] | None = None, tta: bool = False, back_project: bool = False,
    range: tuple[float, float] | None = None, bands: tuple[int, int, int] | None = None, alpha: bool | None = None,
    device: str = "auto", labels: str = "auto",
) -> Picture: ...  # fmt: skip
@overload
def enlarge(
    image: PathLike, model: PathLike | Enlarger | None = None, *, scale: float | None = None,
    size: tuple[int, int] | None = None, tta: bool = False, back_project: bool = False,
    range: tuple[float, float] | None = None, bands: tuple[int, int, int] | None = None, device: str = "auto",
    labels: str = "auto", nodata: float | None = None,
) -> np.ndarray: ...  # fmt: skip
@overload
def enlarge(
    image: PathLike, model: PathLike | Enlarger | None = None, *, scale: float | None = None,
    size: tuple[int, int] | None = None, tta: bool = False, back_project: bool = False,
    range: tuple[float, float] | None = None, bands: tuple[int, int, int] | None = None, device: str = "auto",
    to: PathLike, overwrite: bool = False, spacing: formats.Spacing | None = None, labels: str = "auto",
    nodata: float | None = None,
) -> Path: ...  # fmt: skip
def enlarge(
    image: Any, model: PathLike | Enlarger | None = None, *, scale: float | None = None,
    size: tuple[int, int] | None = None, tta: bool = False, back_project: bool = False,
    range: tuple[float, float] | None = None, bands: tuple[int, int, int] | None = None, alpha: bool | None = None,
    device: str = "auto", to: PathLike | None = None, overwrite: bool = False,
    spacing: formats.Spacing | None = None, labels: str = "auto", nodata: float | None = None,
) -> Any:  # fmt: skip
    """Enlarge an image, with the pixels that `python -m sr.upscale` makes of its file.

    Args:
        image: one of these:

            - NumPy array H W or H W C: uint8 and uint16 from black 0 to white 255 or 65535; other types measured;
            - PIL image of mode L, RGB, RGBA, I;16 or F; it is turned upright as its EXIF says;
            - tensor C H W or N C H W, on any device: float from black 0 to white 1, or uint8;
            - path of a file: a picture, animation, clip, DICOM, NIfTI or GeoTIFF.
        model: as for `load`, or what that returned; by default the quick one of the scale: fast_x2 or fast_x4;
            auto looks at the image, and takes one for clean or for damaged photos.
        scale: of the result, any number; what the model does not make is resized. By default that of the model.
        size: (width, height) in pixels to fit into instead, the shape kept.
        tta: mean over flips and quarter turns; eight times the work.
        back_project: lock colours and brightness to the input.
        range: (low, high), the values that the network sees as black and white; what lies outside is enlarged
            bicubically. By default as told above, what the model was trained for, or what a file says.
        bands: the channels, from 0 on, that are red, green and blue where the image does not say so. Three channels
            are, and others go through a colour network one by one.
        alpha: the last channel of an array or tensor is transparency; by default of uint8 with four.
        device: auto, cpu, cuda, cuda:1 ...; that of a loaded model stays.
        to: where a file is written, with all that the given one says of itself: a file of the same kind or a folder.
        overwrite: replace what is there.
        spacing: (down, across), millimetres between the pixels of a DICOM file that does not say them; "pixels" where
            nothing is to be measured in it.
        labels: of numbers that name something, such as classes: nearest repeats them, majority also rounds edges from
            three times the size on; no: they are amounts; auto: nearest where a file says that it holds labels. With
            nearest or majority also PIL images of mode P and 1, whose palette is kept.
        nodata: the value of missing pixels of a scene (GeoTIFF) that does not say so.

    Returns:
        The same kind as it was given: an array or tensor of the same type (a tensor on the same device), a PIL image.
        Of a path an array: H W C, N H W C of several frames, X Y Z T of a volume, NaN where pixels are missing; or
        the path that was written.

    Raises:
        UserError: in one sentence: an image, a model or an option that cannot be.

    Examples:
        >>> import sr
        >>> from skimage import data
        >>> photo = data.astronaut()[:64, 200:280]  # H W C, uint8
        >>> sr.enlarge(photo).shape
        (256, 320, 3)
        >>> sr.enlarge(photo, "bicubic", size=(200, 200)).shape
        (160, 200, 3)

        A PIL image becomes one, and a model that is loaded once serves many:

        >>> from PIL import Image
        >>> enlarger = sr.load("fast_x2", device="cpu")
        >>> [sr.enlarge(Image.fromarray(part), enlarger).size for part in (photo, photo[:32])]
        [(160, 128), (160, 64)]

        So does a tensor:

        >>> import torch
        >>> lr = torch.from_numpy(photo).permute(2, 0, 1) / 255  # C H W in [0, 1]
        >>> sr.enlarge(lr, enlarger).shape
        torch.Size([3, 128, 160])
    """
    steps = BACK_PROJECTIONS if back_project else 0
    options = Options(
        scale, size, tta, steps, range=range and Range.given(*range), bands=bands, spacing=spacing, labels=labels,
        nodata=nodata,
    )  # fmt: skip
    path = Path(image) if isinstance(image, PathLike) else None
    if path is None and nodata is not None:
        raise UserError(f"nodata={nodata:g}: is for scenes (GeoTIFF); missing pixels of an array or tensor are NaN")
    if path is None and to is not None:
        raise UserError("to=: writes what a file becomes; save an array, PIL image or tensor as you like it")
    if path is not None and alpha is not None:
        raise UserError(f"{path}: a file says itself whether it is transparent; leave out alpha=")
    if path is not None and path.is_dir():
        raise UserError(f"{path}: a folder; give its files one by one, or take python -m sr.upscale")
    enlarger = model if isinstance(model, Enlarger) else _enlarger(model, scale, device)
    if path is None:
        if isinstance(image, Tensor) and image.is_floating_point() and range is None:
            options = replace(options, range=Range.given(0, 1))
        file, back = in_memory(image, alpha, labels in KEPT)
        return back(_pixels(file, enlarger, options))
    if to is not None:
        return _written(path, Path(to), enlarger, options, overwrite)
    with formats.open(path) as opened:
        made = _pixels(opened, enlarger, options)
    return made[0] if opened.layout != "volume" and len(made) == 1 else made


def _enlarger(model: PathLike | None, scale: float | None, device: str) -> Enlarger | Auto:
    wanted = scale or models.DEFAULT_SCALE
    if model == models.AUTO:
        return Auto(wanted, models.choose_device(device))
    enlarger = models.load_for(model or models.default(wanted), wanted, models.choose_device(device))
    enlarger.precision = "auto"
    return enlarger


def _pixels(file: File, enlarger: Enlarger | Auto, options: Options) -> np.ndarray:
    """N sH sW C, or of a volume X Y Z T."""
    asked = options.labels
    enlarger, options, notes = files.choose_labels(file, enlarger, options)
    enlarger, _ = files.chosen(enlarger, file)
    files.refuse_too_large(file, enlarger, options, file.shape[0])
    notes = notes if asked == "auto" else []
    if options.nodata is not None:
        before = len(file.notes)
        file.use_nodata(options.nodata)
        notes += file.notes[before:]
    notes += files.choose_range(file, enlarger, options)
    for note in [*notes, *files.may_be_labels(file, asked)]:
        warnings.warn(note, stacklevel=3)
    if file.layout == "volume":
        return files.enlarged_voxels(file, enlarger, options)[0]
    return np.stack([made for _, made, _ in files.enlarged_frames(file, enlarger, options)])


def _written(source: Path, to: Path, enlarger: Enlarger | Auto, options: Options, overwrite: bool) -> Path:
    if not source.exists():  # nor a pattern
        raise MissingError(f"{source}: no such file")
    (job,) = jobs.jobs([str(source)], to, options.by(enlarger.scale))
    if jobs.is_done(job, options, overwrite):
        raise UserError(f"{job.target}: is there; overwrite=True makes it anew")
    files.enlarge_file(source, job.target, enlarger, options, overwrite)
    return job.target
