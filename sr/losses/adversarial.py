"""Adversarial losses: what the discriminator D learns, and what the generator learns from it.

A loss has two methods, each returning a scalar and its named parts:

    discriminator(D, hr, sr, lr) -> (loss, parts)    trains D; sr comes without a gradient
    generator(D, sr, hr, lr) -> (loss, parts)        trains the generator through sr; D is frozen

It calls D as often and on whatever it needs. Images are N C H W in [0, 1]; hr and sr have one size. `parts` are scalar
tensors without a gradient, and become columns of the curves under the names given: `logits/real`, `loss/r1`. They must
be finite, and the two methods must not use one name for different things.

A loss of one's own is a plain class, or a module where it has buffers or frozen networks; nothing trains a parameter
of it. Three things to know:

- D may only be called: with several processes it is DDP's wrapper, which has no other method or attribute of D's.
- A loss of single images, averaged over the batch, is the same for one process and for several, for a whole batch and
  for `system.accumulate` pieces. A mean inside a nonlinearity (relativistic average) is one over the piece at hand,
  unless the loss itself takes it over all processes.
- A gradient of D with respect to images needs images that ask for one, `hr.detach().requires_grad_()`, and full
  precision, `torch.autocast(hr.device.type, enabled=False)`, for training may run in bf16.
"""

import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor


class Vanilla:
    """The cross entropy of Goodfellow et al. 2014 (arXiv 1406.2661), non-saturating as in SRGAN, eq. 6.

    With D = sigmoid(logit): -log D = softplus(-logit) and -log(1 - D) = softplus(logit).
    """

    def discriminator(self, D: nn.Module, hr: Tensor, sr: Tensor, lr: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean -log D(hr) + mean -log(1 - D(sr)): logits of real images up, of generated ones down."""
        real, fake = D(hr), D(sr)
        parts = {"logits/real": real.detach().mean(), "logits/fake": fake.detach().mean()}
        return F.softplus(-real).mean() + F.softplus(fake).mean(), parts

    def generator(self, D: nn.Module, sr: Tensor, hr: Tensor, lr: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean -log D(sr): logits of generated images up."""
        return F.softplus(-D(sr)).mean(), {}
