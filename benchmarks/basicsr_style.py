"""A training step in BasicSR's order of work, described anew: what the project's step is measured against.

After BasicSR 1.4.2 (`SRGANModel.optimize_parameters`): images lie contiguous; D judges real and generated images in
two passes with a backward each; Adam as torch's constructor makes it, without fusion; every loss is read back each
step; the average of the generator is moved parameter by parameter. The batch is in memory already, which favours it.
"""

from collections.abc import Callable
from copy import deepcopy

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor


def step_of(
    generator: nn.Module, discriminator: nn.Module | None, degradation: nn.Module, content: Callable, weight: float
) -> Callable[[Tensor], None]:
    """A function of a batch (N C H W, bytes) that trains copies of these networks by one step.

    Args:
        generator: lr to sr.
        discriminator: None for the pixel phase.
        degradation: (hr, numbers) to (lr, hr).
        content: (sr, hr) to (loss, parts).
        weight: of the adversarial loss.
    """
    generator, discriminator = deepcopy(generator), deepcopy(discriminator)
    average = deepcopy(generator).eval().requires_grad_(False)
    opt_g = torch.optim.Adam(generator.parameters(), lr=1e-4)
    opt_d = torch.optim.Adam(discriminator.parameters(), lr=1e-4) if discriminator is not None else None

    def step(batch: Tensor) -> None:
        hr = batch.float() / 255
        lr, hr = degradation(hr, [])
        told = {}
        for p in discriminator.parameters() if discriminator is not None else ():
            p.requires_grad = False
        opt_g.zero_grad()
        sr = generator(lr)
        total = told["content"] = content(sr, hr)[0]
        if discriminator is not None:
            told["fool"] = weight * F.binary_cross_entropy_with_logits(fake := discriminator(sr), torch.ones_like(fake))
            total = total + told["fool"]
        total.backward()
        opt_g.step()
        if discriminator is not None:
            for p in discriminator.parameters():
                p.requires_grad = True
            opt_d.zero_grad()
            for name, image, label in (("real", hr, 1.0), ("fake", sr.detach(), 0.0)):
                logits = discriminator(image)
                loss = F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))
                told[name], told[f"logits_{name}"] = loss, logits.detach().mean()
                loss.backward()
            opt_d.step()
        averaged = dict(average.named_parameters())
        for name, parameter in generator.named_parameters():
            averaged[name].data.mul_(0.999).add_(parameter.data, alpha=0.001)
        for value in told.values():
            value.item()

    return step
