"""Generators: one paper a file, each a plain `nn.Module` from lr (N C H W) to sr (N C sH sW), both in [0, 1]."""

from .compact import Compact
from .edsr import EDSR
from .residual import Residual
from .rlfn import RLFN
from .rrdb import RRDBNet
from .span import SPAN
from .spandrel import Spandrel
from .srresnet import SRResNet

__all__ = ["EDSR", "RLFN", "SPAN", "Compact", "RRDBNet", "Residual", "SRResNet", "Spandrel"]
