"""Each private part of Lightning that we use is still there and still does what the reason says."""

import inspect

import pytest
import pytorch_lightning as pl
import torch
import torch.distributed as dist
import torch.multiprocessing as processes
import torch.nn as nn
from pytorch_lightning.core.optimizer import LightningOptimizer
from pytorch_lightning.loggers import WandbLogger
from pytorch_lightning.loops.training_epoch_loop import _TrainingEpochLoop
from pytorch_lightning.overrides import distributed
from pytorch_lightning.strategies import DDPStrategy

from sr.training import lightning


class Two(pl.LightningModule):
    """Two optimizers stepped in each batch; the second one counted or not."""

    def __init__(self, count_second: bool) -> None:
        super().__init__()
        self.automatic_optimization, self.count_second = False, count_second
        self.a, self.b = nn.Linear(1, 1), nn.Linear(1, 1)

    def training_step(self, batch, batch_idx):
        for i, optimizer in enumerate(self.optimizers()):
            optimizer.zero_grad()
            self.manual_backward((self.a, self.b)[i](batch).sum())
            if i == 1 and not self.count_second:
                lightning.do_not_count(optimizer)
            optimizer.step()

    def configure_optimizers(self):
        return [torch.optim.SGD(layer.parameters(), lr=0.1) for layer in (self.a, self.b)]


def steps(module: pl.LightningModule, callbacks=()) -> int:
    trainer = pl.Trainer(max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False,
                         enable_progress_bar=False, enable_model_summary=False, callbacks=list(callbacks))  # fmt: skip
    trainer.fit(module, torch.utils.data.DataLoader(torch.ones(3, 1)))
    return trainer.global_step


def test_a_step_that_is_not_counted_is_not_counted_and_is_made():
    before = nn.Linear(1, 1)
    module = Two(count_second=False)
    before.load_state_dict(module.b.state_dict())
    assert steps(module) == 3
    assert not torch.equal(before.weight, module.b.weight)
    assert steps(Two(count_second=True)) == 6, "Lightning counts one optimizer alone now: do_not_count can go"
    assert {"_on_before_step", "_on_after_step"} <= vars(
        LightningOptimizer(torch.optim.SGD(before.parameters()))
    ).keys()


def test_lightning_asks_for_a_sigterm_at_every_step_unless_told_not_to():
    assert "self._broadcast_sigterm_tensor()" in inspect.getsource(_TrainingEpochLoop.advance)
    trainer = pl.Trainer(logger=False, enable_checkpointing=False, accelerator="cpu")
    asked = trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor
    lightning.do_not_vote_on_signals(trainer)
    assert trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor != asked
    assert trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor() is None


def test_state_is_shared_and_networks_are_wrapped_as_lightning_does_it():
    assert callable(distributed._sync_module_states)
    assert callable(DDPStrategy._setup_model)


class OnTheCPU(DDPStrategy):
    root_device = torch.device("cpu")


def two_shares(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    network = nn.BatchNorm1d(1)
    network.register_buffer("frozen", torch.zeros(1), persistent=False)
    wrapped = lightning.wrap(OnTheCPU(), network)
    network.frozen.fill_(rank)  # where DDP broadcasts it, both have that of the first process
    network.running_mean.fill_(rank)
    wrapped(torch.ones(2, 1)).sum().backward()
    torch.save([network.frozen, network.running_mean], f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_what_never_changes_is_not_sent_at_every_step(tmp_path):
    processes.spawn(two_shares, (str(tmp_path),), nprocs=2)
    frozen, mean = torch.load(tmp_path / "1.pt")
    assert frozen == 1
    assert mean == pytest.approx(0.1)  # the first one's 0, and a tenth of the batch


def test_wandb_is_not_given_what_it_warns_of(tmp_path):
    pytest.importorskip("wandb")
    logger = WandbLogger(save_dir=tmp_path, offline=True)
    lightning.without_anonymous(logger)
    assert "anonymous" not in logger._wandb_init


def test_what_is_no_news_is_silent(recwarn):
    lightning.only_what_matters()
    steps(Two(count_second=False))
    told = [str(warning.message) for warning in recwarn]
    assert not [text for text in told if "does not have many workers" in text]
