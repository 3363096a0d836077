"""Every generator, discriminator and adversarial loss with each other, by name, through the real command.

By default a selection in which every pair of two occurs; `SR_FAMILY=all pytest tests/entries/test_family.py` runs all.
"""

import os
import re
from itertools import product
from pathlib import Path

import pytest
import torch

from .conftest import ROOT, SMALL
from .test_train import only_run, state

# fmt: off
GENERATORS = {  # name -> sizes for a test
    "compact": ["generator.width=4", "generator.depth=1"],
    "edsr": ["generator.width=4", "generator.blocks=1"],
    "residual": ["generator.width=4", "generator.blocks=1"],
    "rlfn": ["generator.width=4", "generator.blocks=1"],
    "rrdb_small": ["generator.width=4", "generator.blocks=1", "generator.growth=4"],
    "span_small": ["generator.width=4"],
    "spandrel": [
        "generator.architecture=Compact", "+generator.arguments.num_feat=4", "+generator.arguments.num_conv=1",
    ],
    "srresnet": ["generator.width=4", "generator.blocks=1"],
}
DISCRIMINATORS = {
    "patch_multiscale": ["discriminator.width=4", "discriminator.growth=[1,2]", "discriminator.strides=[2,1]"],
    "patch_small": ["discriminator.width=4", "discriminator.growth=[1,2]", "discriminator.strides=[2,1]"],
    "semantic_small": ["discriminator.width=4"],
    "unet_small": ["discriminator.width=4"],
    "vgg_small": ["discriminator.width=2", "discriminator.grid=2", "discriminator.dense=4"],
    "wavelet": ["discriminator.inner.width=2", "discriminator.inner.grid=2", "+discriminator.inner.dense=4"],
}
# fmt: on
LOSSES = ["vanilla", "least_squares", "hinge", "wasserstein", "relativistic"]
REST = [word for word in SMALL if not word.startswith(("generator.", "discriminator.", "steps."))]
RUN = ["steps.pixel=0", "steps.ramp=0", "steps.adversarial=3", "callbacks.checkpoints.every_steps=1", "data.crop_px=32",
       "callbacks.checkpoints.keep=3", "trainer.val_check_interval=3", "init_from=null"]  # fmt: skip
SIZE = re.compile("_small|_128")
EVERY = [*product(GENERATORS, DISCRIMINATORS, LOSSES)]
PAIRS = [(g, d, LOSSES[(i + j) % len(LOSSES)]) for i, g in enumerate(GENERATORS) for j, d in enumerate(DISCRIMINATORS)]


def names(group: str) -> set[str]:
    return {file.stem for file in (ROOT / "conf" / group).glob("*.yaml")}


def test_all_that_can_be_named_are_here():
    """Sizes apart: `rrdb` is `rrdb_small`, only larger."""
    for group, tried in (("generator", GENERATORS), ("discriminator", DISCRIMINATORS), ("losses/adversarial", LOSSES)):
        assert {SIZE.sub("", name) for name in names(group)} == {SIZE.sub("", name) for name in tried}


def test_every_pair_occurs():
    for a, b in ((0, 1), (0, 2), (1, 2)):
        wanted = set(product(*((GENERATORS, DISCRIMINATORS, LOSSES)[k] for k in (a, b))))
        missing = wanted - {(combination[a], combination[b]) for combination in PAIRS}
        assert not missing, missing


@pytest.mark.slow
@pytest.mark.parametrize(("generator", "discriminator", "loss"), EVERY if os.environ.get("SR_FAMILY") else PAIRS)
def test_they_train_together(train, tmp_path, generator, discriminator, loss):
    chosen = [f"generator={generator}", f"discriminator={discriminator}", f"losses/adversarial={loss}"]
    train(*chosen, *GENERATORS[generator], *DISCRIMINATORS[discriminator], *RUN, small=REST)
    before, after = (checkpoint(only_run(tmp_path), step) for step in (1, 3))
    assert all(value.isfinite().all() for value in after.values() if value.is_floating_point())
    still = [name for name in parameters(before) if torch.equal(before[name], after[name])]
    still = [name for name in still if not reached(only_run(tmp_path), parameters(before), name)]
    # The constant in D cancels where real and generated logits are subtracted, by the hinge within its margin.
    allowed = last_bias(before) if loss in ("hinge", "wasserstein", "relativistic") else set()
    assert set(still) <= allowed


def checkpoint(run: Path, step: int) -> dict[str, torch.Tensor]:
    return state(run / "checkpoints" / f"step_{step:08d}.ckpt")


def parameters(found: dict[str, torch.Tensor]) -> list[str]:
    no_parameters = (
        "running_",
        "num_batches",
        "weight_u",
        "weight_v",
        "_extra",
        ".mean",
        ".std",
        "eval_conv",
        "no_norm",
    )
    return [name for name in found if name.startswith(("generator.", "discriminator."))
            and not any(word in name for word in no_parameters)]  # fmt: skip


def reached(run: Path, names: list[str], name: str) -> bool:
    """Whether Adam has had a gradient for it, if only one too small to move a number near 1."""
    optimizers = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["optimizer_states"]
    network = name.split(".")[0]
    own = [each for each in names if each.startswith(network + ".")]
    moments = optimizers[network == "discriminator"]["state"]
    assert len(moments) == len(own)
    return bool(moments[own.index(name)]["exp_avg"].any())


def last_bias(found: dict[str, torch.Tensor]) -> set[str]:
    return {name for name in found if name.startswith("discriminator.") and name.endswith("bias")
            and found[name].numel() == 1}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    "chosen",
    [
        ["discriminator=patch_small", *DISCRIMINATORS["patch_small"], "losses/adversarial=wasserstein",
         "system.discriminator_updates=2"],
        ["discriminator=vgg_small", *DISCRIMINATORS["vgg_small"], "losses/adversarial=relativistic",
         "losses.adversarial.r1=1", "losses.adversarial.feature_matching=1", "system.discriminator_rests_above=0.7"],
    ],
)  # fmt: skip
def test_penalties_on_two_processes_are_those_on_one(train, tmp_path, chosen):
    same = [*chosen, "generator=compact", *GENERATORS["compact"], *RUN, "steps.adversarial=5",
            "optimizer=adam", "optimizer._target_=torch.optim.SGD", "~optimizer.betas", "losses.adversarial_weight=0.1",
            "losses.content.terms.pixel._target_=sr.losses.L2",
            "schedule.adversarial.learning_rate=0.1", "schedule.discriminator.learning_rate=0.003"]  # fmt: skip
    for name, devices in (("one", 1), ("two", 2)):
        train(*same, f"name={name}", f"trainer.devices={devices}", small=REST)
    one, two = (checkpoint(only_run(tmp_path, name), 5) for name in ("one", "two"))
    start = checkpoint(only_run(tmp_path, "one"), 3)
    for network in ("generator.", "discriminator."):
        moved = max((one[key] - start[key]).abs().max().item() for key in parameters(one) if key.startswith(network))
        assert moved > 1e-4, "nothing moved, so nothing was compared"
    for key in parameters(one):
        torch.testing.assert_close(one[key], two[key], rtol=0, atol=1e-5, msg=lambda m, key=key: f"{key}: {m}")
