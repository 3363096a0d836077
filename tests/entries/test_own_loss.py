"""Research without a fork: a loss and discriminators of one's own, in one Python file and one YAML."""

import csv
from pathlib import Path

import pytest
import torch

from .conftest import SMALL
from .test_train import only_run, state

MINE = '''
import torch
import torch.distributed as dist
import torch.nn as nn
import torch.nn.functional as F
from torch.distributed.nn.functional import all_reduce


class TwoScales(nn.Module):
    """Two discriminators, the second of which sees the image at half its size; each gives logits and features."""

    def __init__(self, channels, width):
        super().__init__()
        self.first = nn.ModuleList(nn.Conv2d(channels, width, 4, 2, 1) for _ in range(2))
        self.second = nn.ModuleList(nn.Conv2d(width, width, 4, 2, 1) for _ in range(2))
        self.last = nn.ModuleList(nn.Conv2d(width, 1, 3, 1, 1) for _ in range(2))

    def forward(self, image):
        found = []
        for first, second, last, seen in zip(self.first, self.second, self.last, (image, F.avg_pool2d(image, 2))):
            shallow = F.leaky_relu(first(seen), 0.2)
            deep = F.leaky_relu(second(shallow), 0.2)
            found.append((last(deep).sum((1, 2, 3)), (shallow, deep)))
        return found


class RelativisticAverage(nn.Module):
    """ESRGAN's loss (arXiv 1809.00219, eq. 1 and 2), R1 (arXiv 1801.04406, eq. 9), feature matching (1606.03498)."""

    def __init__(self, r1, matching):
        super().__init__()
        self.r1, self.matching = r1, matching
        self.register_buffer("mean_lead", torch.zeros(()))  # of real logits before generated ones, for the curves

    def discriminator(self, D, hr, sr, lr):
        with torch.autocast(hr.device.type, enabled=False):
            hr = hr.detach().requires_grad_()
            real = D(hr)
            r1 = slopes(real, hr)
        fake = D(sr)
        relativistic = compare(real, fake)
        with torch.no_grad():
            self.mean_lead.lerp_((means(real) - means(fake)).mean(), 0.1)
        return relativistic + self.r1 / 2 * r1, {"loss/r1": r1.detach(), "logits/mean_lead": self.mean_lead.clone()}

    def generator(self, D, sr, hr, lr):
        real, fake = D(hr), D(sr)
        pairs = [(f, r) for (_, fs), (_, rs) in zip(fake, real) for f, r in zip(fs, rs)]
        matching = torch.stack([F.mse_loss(f, r) for f, r in pairs]).mean()
        return compare(fake, real) + self.matching * matching, {"loss/feature_matching": matching.detach()}


def slopes(found, image):
    """Of every discriminator: the squared gradient of its logits with respect to the image, mean over images."""
    gradients = [torch.autograd.grad(logits.sum(), image, create_graph=True)[0] for logits, _ in found]
    return torch.stack([g.square().sum((1, 2, 3)).mean() for g in gradients]).sum()


def means(found):
    """The mean logit of every discriminator over the whole batch, that of all processes."""
    local = torch.stack([logits.mean() for logits, _ in found])
    return all_reduce(local) / dist.get_world_size() if dist.is_initialized() else local


def compare(higher, lower):
    """Each logit against the mean of the other kind, for which that of images to rate higher must be larger."""
    rise = [F.softplus(mean - logits).mean() for (logits, _), mean in zip(higher, means(lower))]
    fall = [F.softplus(logits - mean).mean() for (logits, _), mean in zip(lower, means(higher))]
    return torch.stack(rise + fall).mean()
'''

EXPERIMENT = """
# @package _global_
defaults:
  - override /losses: pixel
  - override /discriminator: null

name: mine
allow: [mine]
discriminator: {_target_: mine.TwoScales, channels: "${channels}", width: 6}
losses:
  # L2 throughout: the gradient of L1 is a sign, which float noise flips where sr and hr are equal.
  pixel: {terms: {pixel: {_target_: sr.losses.L2}}}
  content: ${losses.pixel}
  adversarial: {_target_: mine.RelativisticAverage, r1: 1.0, matching: 1.0}
  adversarial_weight: 1.0
"""

ITS_PARTS = {"loss/r1", "loss/feature_matching", "logits/mean_lead"}


def curves(run: Path) -> list[dict[str, float]]:
    with open(run / "curves.csv", newline="") as file:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]


def moved(run: Path, network: str) -> float:
    """How far the network's weights are from those at the end of the pixel phase."""
    before, after = (state(run / "checkpoints" / f"{name}.ckpt") for name in ("pixel", "last"))
    return max((after[key] - before[key]).abs().max().item() for key in after if key.startswith(f"{network}."))


@pytest.fixture
def train_mine(train, tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "own" / "experiment").mkdir(parents=True)
    (tmp_path / "own" / "experiment" / "mine.yaml").write_text(EXPERIMENT)
    small = [s for s in SMALL if not s.startswith("discriminator.")]

    def train_mine(*arguments: str, **options) -> str:
        return train(f"--config-dir={tmp_path / 'own'}", *arguments, experiment="mine", small=small, **options)

    return train_mine


@pytest.mark.slow
def test_a_loss_of_ones_own_trains_on_one_process_as_on_two(train_mine, tmp_path):
    # SGD, for Adam makes steps of one size out of float noise, too; fast, so that there is something to compare.
    same = ["optimizer=adam", "optimizer._target_=torch.optim.SGD", "~optimizer.betas", "trainer.val_check_interval=8",
            "schedule.pixel.learning_rate=0.1", "schedule.adversarial.learning_rate=0.1",
            "schedule.discriminator.learning_rate=0.02"]  # fmt: skip
    train_mine(*same, "name=one")
    train_mine(*same, "name=two", "trainer.devices=2")
    one, two = only_run(tmp_path, "one"), only_run(tmp_path, "two")

    assert min(moved(one, "generator"), moved(one, "discriminator")) > 1e-3, "nothing moved, so nothing was compared"
    a, b = state(one / "checkpoints/last.ckpt"), state(two / "checkpoints/last.ckpt")
    assert "adversarial.mean_lead" in a
    for key in a:
        torch.testing.assert_close(a[key], b[key], rtol=0, atol=1e-5, msg=key)

    rows, others = curves(one), curves(two)
    assert set().union(*rows) >= ITS_PARTS | {"loss/pixel", "loss/adversarial", "loss/generator", "loss/discriminator"}
    assert all(row["loss/r1"] > 0 and row["loss/feature_matching"] > 0 for row in rows if "loss/r1" in row)
    for x, y in zip(rows, others, strict=True):
        compared = [name for name in x if name.startswith(("loss/", "logits/"))]
        assert [y[name] for name in compared] == pytest.approx([x[name] for name in compared], abs=1e-5)


def test_it_is_refused_where_its_package_is_not_named(train_mine):
    output = train_mine("allow=[]", status=1)
    assert "mine.TwoScales is refused" in output
    assert "allow=" in output
    assert "Traceback" not in output
