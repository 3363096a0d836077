"""Batch norm over the batch of all processes, on any device (Ioffe & Szegedy, arXiv 1502.03167, algorithm 1).

`torch.nn.SyncBatchNorm` is this for CUDA alone; with statistics of each process's own share, several processes would
train another network than one.
"""

import torch
import torch.distributed as dist
import torch.nn as nn
from torch import Tensor
from torch.distributed.nn.functional import all_reduce
from torch.nn.modules.batchnorm import _BatchNorm


class SharedBatchNorm(_BatchNorm):
    """A batch norm whose mean and variance are those of all processes together, gradients included.

    All processes must have batches of one size. The variance is taken around the common mean, in float32.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        pass

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return super().forward(input)
        over = [d for d in range(input.dim()) if d != 1]
        shape = [1, -1] + [1] * (input.dim() - 2)
        x = input.float() if input.dtype in (torch.float16, torch.bfloat16) else input
        world = dist.get_world_size()
        mean = all_reduce(x.mean(over)) / world
        centred = x - mean.view(shape)
        variance = all_reduce(centred.square().mean(over)) / world
        self._remember(mean, variance, world * x.numel() // x.shape[1])
        normed = centred * torch.rsqrt(variance + self.eps).view(shape)
        if self.affine:
            normed = normed * self.weight.view(shape) + self.bias.view(shape)
        return normed.to(input.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Running statistics as nn.BatchNorm2d keeps them: the variance without bias."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        momentum = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance * (count / max(count - 1, 1)), momentum)


def share(network: nn.Module) -> None:
    """Let every batch norm of `network` see all processes. Parameters, buffers and their names stay."""
    for module in network.modules():
        if isinstance(module, _BatchNorm) and not isinstance(module, nn.SyncBatchNorm):
            module.__class__ = SharedBatchNorm
