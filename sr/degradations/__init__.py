"""Degradations: how an LR image comes from an HR image.

A degradation is a module that is called as `degradation(hr, n) -> (lr, hr)`: images N C sH sW and N C H W, float32 in
[0, 1] on any device, outside of autocast. `n` are the numbers of the samples; every random number is a function of the
seed and of them (`draws.of_sample`). So a batch gives the same as its images one by one, and neither workers nor
processes nor an interruption change anything. The hr that comes back is the target: it may differ from the one given.

One that has `sharpen`, a function of hr, tells what content losses aim at instead (Real-ESRGAN's sharpened targets);
the adversarial loss and all metrics see hr.

`Chain` is a degradation made of operators (`operator.Operator`), as a YAML lists them.
"""

from .bicubic import Bicubic
from .blur import Blur, Defocus, Motion, Sinc
from .camera import BadPixels, CameraNoise
from .chain import Chain
from .chroma import ChromaBleeding
from .codecs import Codec
from .compose import OneOf, Steps
from .curriculum import Curriculum
from .denoise import Denoise
from .draws import of_sample
from .jpeg import JPEG
from .mixture import Mixture
from .noise import GaussianNoise, PoissonNoise
from .pairs import aim, pair
from .resize import Resize
from .sharpen import USM, Sharpen
from .unprocess import Camera
from .video import Video

__all__ = [
    "JPEG",
    "USM",
    "BadPixels",
    "Bicubic",
    "Blur",
    "Camera",
    "CameraNoise",
    "Chain",
    "ChromaBleeding",
    "Codec",
    "Curriculum",
    "Defocus",
    "Denoise",
    "GaussianNoise",
    "Mixture",
    "Motion",
    "OneOf",
    "PoissonNoise",
    "Resize",
    "Sharpen",
    "Sinc",
    "Steps",
    "Video",
    "aim",
    "of_sample",
    "pair",
]
