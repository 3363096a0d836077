"""Convolutions under spectral normalisation: Miyato et al. 2018, arXiv 1802.05957."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor


class SpectralConv2d(nn.Conv2d):
    """A convolution by W / sigma(W), where sigma is the largest singular value of W as a matrix (n_out, n_in k k).

    Sigma = u' W v, and in training mode each call improves u and v by one power iteration (algorithm 1). Weights have
    the names that `torch.nn.utils.spectral_norm` gives them (weight_orig, weight_u, weight_v), so that discriminators
    of BasicSR load; unlike it this is computed in full precision under autocast, and can be copied after a call.
    """

    weight_u: Tensor
    weight_v: Tensor

    def __init__(
        self, n_in: int, n_out: int, kernel: int, stride: int = 1, padding: int = 0, bias: bool = True
    ) -> None:
        super().__init__(n_in, n_out, kernel, stride, padding, bias=bias)
        self.weight_orig = self.weight
        del self.weight
        matrix = self.weight_orig.detach().flatten(1)
        self.register_buffer("weight_u", F.normalize(torch.randn_like(matrix[:, 0]), dim=0))
        self.register_buffer("weight_v", F.normalize(torch.randn_like(matrix[0]), dim=0))
        for _ in range(15):  # from random vectors, sigma would be much too small at first
            self._iterate(matrix)

    def forward(self, x: Tensor) -> Tensor:
        """N n_in H W to N n_out H' W'."""
        with torch.autocast(x.device.type, enabled=False):
            matrix = self.weight_orig.flatten(1)
            if self.training:
                self._iterate(matrix.detach())
            # Copies, for the next call changes u and v while the backward of this one still needs them.
            sigma = torch.dot(self.weight_u.clone(), matrix @ self.weight_v.clone())
            weight = self.weight_orig / sigma
        return self._conv_forward(x, weight, self.bias)

    @torch.no_grad()
    def _iterate(self, matrix: Tensor) -> None:
        self.weight_v.copy_(F.normalize(matrix.T @ self.weight_u, dim=0, eps=1e-12))
        self.weight_u.copy_(F.normalize(matrix @ self.weight_v, dim=0, eps=1e-12))
