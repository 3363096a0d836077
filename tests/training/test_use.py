import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from sr.errors import UserError
from sr.training.adversarial import AdversarialSystem
from sr.training.system import PixelSystem

PARTS = {
    "_target_": "sr.training.PixelSystem",
    "generator": {"_target_": "sr.generators.Compact", "scale": 2, "width": 4, "depth": 1},
    "degradation": {"_target_": "sr.degradations.Bicubic", "scale": 2},
    "content": {
        "_target_": "sr.losses.WeightedSum",
        "terms": {"pixel": {"_target_": "sr.losses.L1"}},
        "weights": {"pixel": 1.0},
    },
    "optimizer": {"_target_": "torch.optim.Adam", "_partial_": True},
    "schedule": {"_target_": "sr.training.schedules.Cosine", "learning_rate": 1e-3, "steps": 5},
    "metrics": {"psnr": {"_target_": "sr.metrics.PSNR", "crop_border_px": 0, "y": False}},
}


@pytest.fixture
def system() -> PixelSystem:
    from hydra.utils import instantiate

    torch.manual_seed(0)
    return instantiate(PARTS)


@pytest.fixture
def trainer(tmp_path) -> pl.Trainer:
    return pl.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
                      default_root_dir=str(tmp_path))  # fmt: skip


@pytest.fixture
def kept(system, tmp_path):
    """Writes a checkpoint that names these parts."""

    def kept(parts=PARTS):
        file = tmp_path / "last.ckpt"
        torch.save({"state_dict": system.state_dict(), "hyper_parameters": parts,
                    "pytorch-lightning_version": pl.__version__}, file)  # fmt: skip
        return file

    return kept


def test_a_checkpoint_becomes_the_same_system_again(system, kept):
    again = PixelSystem.load_from_checkpoint(kept(), ema_decay=0.5)
    lr = torch.rand(1, 3, 7, 9)
    assert torch.equal(again(lr), system.generator_ema.eval()(lr))
    assert again(lr).shape == (1, 3, 14, 18)
    assert again.ema_decay == 0.5
    assert not again.training


@pytest.mark.parametrize(
    ("kind", "parts", "why"),
    [
        (PixelSystem, {}, "does not say what it was built of"),
        (PixelSystem, PARTS | {"generator": {"_target_": "os.system", "command": "true"}}, "names os.system"),
        (PixelSystem, PARTS | {"metrics": {"a": [{"_target_": "sr.weights.store.save"}]}}, "names sr.weights"),
        (PixelSystem, PARTS | {"metrics": ({"_target_": "sr.weights.store.save"},)}, "names sr.weights"),
        (PixelSystem, PARTS | {"metrics": "${oc.create:{_target_: sr.weights.store.save}}"}, "names sr.weights"),
        (
            PixelSystem,
            PARTS | {"metrics": {"_target_": "sr.training.loggers.write_text"}},
            "names sr.training.loggers.",
        ),
        (PixelSystem, PARTS | {"metrics": {"_target_": "sr.losses.Nothing"}}, "names sr.losses.Nothing"),
        (PixelSystem, PARTS | {"metrics": {"a": {"_target_": "mine.Metric"}}}, "allow=(PACKAGE,)"),
        (AdversarialSystem, PARTS, "of a PixelSystem, not of a AdversarialSystem"),
    ],
)
def test_what_is_no_checkpoint_of_ours_is_refused(kind, parts, why, kept):
    with pytest.raises(UserError) as told:
        kind.load_from_checkpoint(kept(parts))
    assert why in str(told.value)
    assert "last.ckpt" in str(told.value)


def test_a_file_that_is_none_is_refused(tmp_path):
    (tmp_path / "a.ckpt").write_bytes(b"nothing")
    with pytest.raises(UserError, match="not a checkpoint that can be read"):
        PixelSystem.load_from_checkpoint(tmp_path / "a.ckpt")


def test_tests_and_predictions_are_those_of_the_averaged_generator(system, trainer):
    images = DataLoader([{"hr": torch.randint(0, 256, (3, 16, 24), dtype=torch.uint8), "n": n} for n in range(2)])
    (tested,) = trainer.test(system, images, verbose=False)
    errors = []
    for image in images:
        lr, hr = system.pair(image)
        errors.append(-10 * (system(lr).clamp(0, 1) - hr).mul(255).round().div(255).square().mean().log10())
    assert tested["test/psnr"] == pytest.approx(float(sum(errors) / 2), abs=0.05)  # of 8 bits
    assert {"test/psnr_bicubic"} <= tested.keys()
    from_pair, _ = trainer.predict(system, images)
    (from_tensor,) = trainer.predict(system, DataLoader(torch.rand(2, 3, 5, 6), batch_size=2))
    assert from_pair.shape == (1, 3, 16, 24)
    assert from_tensor.shape == (2, 3, 10, 12)
    assert 0 <= from_tensor.min() <= from_tensor.max() <= 1


def test_bicubic_is_that_of_the_images_that_are_tested(system, trainer):
    flat, noise = torch.full((3, 16, 24), 99), torch.randint(0, 256, (3, 16, 24))
    tested = [
        trainer.test(system, DataLoader([{"hr": hr.to(torch.uint8), "n": 0}]), verbose=False)[0]["test/psnr_bicubic"]
        for hr in (noise, flat)
    ]
    assert tested[0] < 20
    assert tested[1] > 40


def test_several_sets_without_names_are_numbered(system, trainer):
    sets = [DataLoader([{"hr": torch.randint(0, 256, (3, 16, 24), dtype=torch.uint8), "n": 0}]) for _ in range(3)]
    trainer.test(system, sets, verbose=False)
    assert {"test/psnr", "test/1/psnr", "test/2/psnr_bicubic"} <= trainer.callback_metrics.keys()
