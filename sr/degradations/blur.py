"""Equal to `scipy.ndimage.convolve(..., mode='mirror')` and OpenCV's filter2D: blur by a kernel for each image."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sr.errors import UserError

from . import kernels
from .operator import Draw, Interval, Operator, at_once, interval, pick, shares, uniform

DIRECT_PX, LARGE = 7, 100_000  # sums are faster than Fourier transforms up to that radius, from so many values on
PRODUCT_PX = 10  # and sums along rows, then along columns, up to this one
GRID_PX = 16  # a convolution is prepared anew for each shape: those of direct sums are multiples of this
SHAPES = ("iso", "aniso", "generalized_iso", "generalized_aniso", "plateau_iso", "plateau_aniso")


def convolve(images: Sequence[Tensor], weights: Tensor, radii: Sequence[int] | None = None) -> list[Tensor]:
    """Each image with its own kernel.

    Args:
        images: C h w each, of any sizes; mirrored beyond the border, without repeating it.
        weights: N k k, k odd.
        radii: of each kernel, where it is smaller than the array that holds it.
    """
    middle = weights.shape[-1] // 2
    weights = weights.to(images[0])

    def blurred(stack: Tensor, chosen: list[int]) -> Tensor:
        radius = middle if radii is None else max(radii[i] for i in chosen)
        inner = slice(middle - radius, middle + radius + 1)
        x, k = mirrored(stack, radius), weights[chosen][:, inner, inner]
        if len(k) == 1 and x.device.type == "cpu" and radius <= PRODUCT_PX and _is_product(k[0]):
            return _by_rows_and_columns(x, k[0])
        direct = radius <= DIRECT_PX and x.numel() >= LARGE
        return (_direct if direct else _by_frequencies)(x, k)

    return at_once(images, blurred)


def _is_product(kernel: Tensor) -> bool:
    """A column times a row, as Gaussians along the axes are."""
    middle = len(kernel) // 2
    product = torch.outer(kernel[:, middle], kernel[middle])
    return bool((kernel * kernel[middle, middle] - product).abs().max() < 1e-7 * kernel[middle, middle] ** 2)


def _by_rows_and_columns(x: Tensor, kernel: Tensor) -> Tensor:
    """N C h w within its margins with a kernel that is a column times a row."""
    middle, size = len(kernel) // 2, len(kernel)
    height, width = (length - size + 1 for length in x.shape[-2:])
    column, row = (kernel[:, middle] / kernel[middle, middle]).tolist(), kernel[middle].tolist()
    y = x[..., middle : middle + height, :].clone()
    for i in range(size):
        if i != middle:
            y.add_(x[..., i : i + height, :], alpha=column[i])
    z = y[..., middle : middle + width] * row[middle]
    for i in range(size):
        if i != middle:
            z.add_(y[..., i : i + width], alpha=row[i])
    return z


def _direct(x: Tensor, weights: Tensor) -> Tensor:
    """N C h w within their margins; cut into strips that lie beside the channels: 16 are computed at once."""
    (n, c, height, width), size = x.shape, weights.shape[-1]
    height -= size - 1
    strips = max(1, min(16 // (n * c), height // 8))
    rows = -(-height // (strips * GRID_PX)) * GRID_PX
    x = F.pad(x, (0, -(width - size + 1) % GRID_PX, 0, rows * strips - height))
    inner, width = width - size + 1, x.shape[-1]
    steps = (x.stride(1), rows * x.stride(2), x.stride(2), 1)
    x = x.as_strided((n * c, strips, rows + size - 1, width), steps).reshape(1, n * c * strips, -1, width)
    turned = weights.flip(1, 2)[:, None].expand(n, c * strips, size, size).reshape(-1, 1, size, size)
    return F.conv2d(x, turned, groups=x.shape[1]).view(n, c, strips * rows, -1)[:, :, :height, :inner]


def _by_frequencies(x: Tensor, weights: Tensor) -> Tensor:
    """The same at a cost that does not depend on the kernel."""
    size, margin = [fast_length(length) for length in x.shape[-2:]], weights.shape[-1] - 1
    y = torch.fft.irfft2(torch.fft.rfft2(x, size) * torch.fft.rfft2(weights[:, None], size), size)
    return y[..., margin : x.shape[-2], margin : x.shape[-1]]


def mirrored(x: Tensor, margin: int) -> Tensor:
    """N C H W with a margin that mirrors it, as often as that needs."""
    if margin < min(x.shape[-2:]):
        return F.pad(x, (margin,) * 4, mode="reflect")
    for dim in (-2, -1):
        size = x.shape[dim]
        period = max(2 * (size - 1), 1)
        at = torch.arange(-margin, size + margin, device=x.device).abs() % period
        x = x.index_select(dim, torch.minimum(at, period - at).clamp(max=size - 1))
    return x


@lru_cache(maxsize=1024)
def fast_length(size: int) -> int:
    """The next size without a prime factor above 5, and even: Fourier transforms are fastest there."""
    size += size % 2
    while True:
        rest = size
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return size
        size += 2


def low_pass(random: np.random.Generator, size: int, wide: bool = True) -> Draw:
    """Parameters of a sinc kernel; small ones take the upper part of the frequencies, as in Real-ESRGAN."""
    least = math.pi / 3 if size < 13 or not wide else math.pi / 5
    return {"shape": "sinc", "size": size, "cutoff": uniform(random, (least, math.pi))}


def odd(random: np.random.Generator, sizes: Interval) -> int:
    """An odd size of an interval."""
    return int(sizes[0]) + 2 * int(random.integers((int(sizes[1]) - int(sizes[0])) // 2 + 1))


class Blur(Operator):
    """A kernel of a random shape, as in Real-ESRGAN.

    Args:
        size: the smallest and the largest kernel, odd.
        shapes: which shapes, how likely.
        sigma: in pixels, the same along both axes (iso) or not (aniso, at any angle).
        variance: drawn in place of sigma, which is its root.
        beta_g: the exponent of generalised Gaussians, below and above 1 equally likely.
        beta_p: the same of plateaus.
        sinc: probability of a sinc kernel in place of them all.
        probability: that it is applied.
    """

    def __init__(
        self,
        size: Interval = (7, 21),
        shapes: Mapping[str, float] = {"iso": 1.0},
        sigma: Interval = (0.2, 3),
        beta_g: Interval = (0.5, 4),
        beta_p: Interval = (1, 2),
        sinc: float = 0.0,
        variance: Interval | None = None,
        probability: float = 1.0,
    ) -> None:
        super().__init__(probability)
        self.size = odd_sizes(size)
        self.shapes = shares("shapes", shapes, SHAPES)
        self.sigma = interval("sigma", sigma, 0)
        self.variance = interval("variance", variance, 0) if variance else None
        self.beta_g, self.beta_p = interval("beta_g", beta_g, 0.1), interval("beta_p", beta_p, 0.1)
        self.sinc = sinc

    def draw(self, random: np.random.Generator) -> Draw:
        size = odd(random, self.size)
        if random.random() < self.sinc:
            return low_pass(random, size)
        shape = pick(random, self.shapes)
        sigma = self.width(random)
        draw: Draw = {"shape": shape, "size": size, "sigma": sigma, "sigma_2": sigma, "angle": 0.0}
        if shape.endswith("aniso"):
            draw |= {"sigma_2": self.width(random), "angle": uniform(random, (-math.pi, math.pi))}
        betas = {"g": self.beta_g, "p": self.beta_p}.get(shape[0])
        if betas is not None:
            low, high = betas
            below = random.random() < 0.5 and low < 1
            draw["beta"] = uniform(random, (low, min(1, high)) if below else (max(1, low), max(1, high)))
        return draw

    def width(self, random: np.random.Generator) -> float:
        """A sigma; none is so small that it cannot be divided by."""
        drawn = math.sqrt(uniform(random, self.variance)) if self.variance else uniform(random, self.sigma)
        return max(drawn, 1e-3)

    def forward(self, images: Sequence[Tensor], draws: Sequence[Draw], lr_size: tuple[int, int]) -> list[Tensor]:
        sizes = [draw["size"] for draw in draws]
        weights = torch.zeros(len(draws), max(sizes), max(sizes))
        for kind, make in _MAKERS.items():
            chosen = [i for i, draw in enumerate(draws) if _kind(draw["shape"]) == kind]
            if chosen:
                made = make([draws[i] for i in chosen])
                weights[chosen] = F.pad(made, ((max(sizes) - made.shape[-1]) // 2,) * 4)
        return convolve(images, weights, kernels.radii(weights))


def _elliptic(make: Callable[..., Tensor], draws: Sequence[Draw]) -> Tensor:
    sizes, sigmas = [draw["size"] for draw in draws], [(draw["sigma"], draw["sigma_2"]) for draw in draws]
    return make(sizes, sigmas, [draw["angle"] for draw in draws], [draw.get("beta", 1.0) for draw in draws])


_MAKERS: dict[str, Callable[[Sequence[Draw]], Tensor]] = {
    "gaussian": partial(_elliptic, kernels.gaussian),
    "plateau": partial(_elliptic, kernels.plateau),
    "sinc": lambda draws: kernels.sinc([draw["size"] for draw in draws], [draw["cutoff"] for draw in draws]),
}


def _kind(shape: str) -> str:
    return shape if shape == "sinc" else "plateau" if shape.startswith("plateau") else "gaussian"


def odd_sizes(size: Interval) -> Interval:
    """Sizes of kernels as they were given."""
    least, most = interval("size", size, 1)
    if least % 2 != 1 or most % 2 != 1:
        raise UserError(f"size={list(size)}; kernels have odd sizes")
    return least, most


class Sinc(Operator):
    """A sinc kernel alone: ringing and overshoot, as sharpened and compressed images have them.

    Args:
        size: the smallest and the largest kernel, odd.
        probability: that it is applied.
    """

    def __init__(self, size: Interval = (7, 21), probability: float = 1.0) -> None:
        super().__init__(probability)
        self.size = odd_sizes(size)

    def draw(self, random: np.random.Generator) -> Draw:
        return low_pass(random, odd(random, self.size), wide=False)

    def forward(self, images: Sequence[Tensor], draws: Sequence[Draw], lr_size: tuple[int, int]) -> list[Tensor]:
        sizes = [draw["size"] for draw in draws]
        weights = kernels.sinc(sizes, [draw["cutoff"] for draw in draws])
        return convolve(images, weights, [size // 2 for size in sizes])


class Defocus(Operator):
    """A lens out of focus.

    Args:
        radius: of the disc that a point becomes, in pixels.
        probability: that it is applied.
    """

    def __init__(self, radius: Interval = (1, 4), probability: float = 1.0) -> None:
        super().__init__(probability)
        self.radius = interval("radius", radius, 0.1)

    def draw(self, random: np.random.Generator) -> Draw:
        return {"radius": uniform(random, self.radius)}

    def forward(self, images: Sequence[Tensor], draws: Sequence[Draw], lr_size: tuple[int, int]) -> list[Tensor]:
        weights = kernels.disc([draw["radius"] for draw in draws])
        return convolve(images, weights, kernels.radii(weights))


class Motion(Operator):
    """A camera, or what it looks at, that moves straight during the exposure.

    Args:
        length: in pixels.
        probability: that it is applied.
    """

    def __init__(self, length: Interval = (2, 12), probability: float = 1.0) -> None:
        super().__init__(probability)
        self.length = interval("length", length, 1)

    def draw(self, random: np.random.Generator) -> Draw:
        return {"length": uniform(random, self.length), "angle": uniform(random, (0, math.pi))}

    def forward(self, images: Sequence[Tensor], draws: Sequence[Draw], lr_size: tuple[int, int]) -> list[Tensor]:
        weights = kernels.line([draw["length"] for draw in draws], [draw["angle"] for draw in draws])
        return convolve(images, weights, kernels.radii(weights))
