"""Generators: one paper a file, each a plain `nn.Module` from lr (N C H W) to sr (N C sH sW), both in [0, 1]."""

from .compact import Compact
from .srresnet import SRResNet

__all__ = ["Compact", "SRResNet"]
