"""The clock ends phases, and schedules follow it."""

import pytest
import pytorch_lightning as pl
import torch

from sr.training.callbacks import Clock, clock
from sr.training.schedules import Cosine

from ..test_system import batches, gan, pixel_system

QUIET = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False,
         "accelerator": "cpu", "devices": 1}  # fmt: skip


@pytest.fixture
def seconds(monkeypatch):
    """The time; a step takes a second."""
    now = [100.0]
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])
    return now


class Tick(pl.Callback):
    def __init__(self, now, step=1.0):
        self.now, self.step, self.rates, self.phases = now, step, [], []

    def on_train_batch_end(self, trainer, system, *_):
        self.now[0] += self.step
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])
        self.phases.append(system.phase)


def fit(system, callbacks, steps=1000, **options):
    trainer = pl.Trainer(max_steps=steps, callbacks=callbacks, **QUIET, **options)
    trainer.fit(system, batches(100))
    return trainer


def test_the_phases_share_the_time_as_they_share_the_steps(seconds):
    tick, schedule = Tick(seconds), Cosine(1.0, steps=30)
    system = gan(30, schedule=lambda step: 1e-4 * schedule(step), adversarial_schedule=lambda step: 1e-5 * (step + 1))
    trainer = fit(system, [tick, Clock(1, pixel=30, adversarial=10)])
    assert trainer.global_step == 60
    assert tick.phases == ["pixel"] * 45 + ["adversarial"] * 15  # a minute, three quarters of it
    assert system.phase_ends == {45: "pixel"}
    assert tick.rates[:45] == pytest.approx([1e-4 * schedule(2 * step // 3) for step in range(45)])
    assert tick.rates[45:] == pytest.approx([1e-5 * (2 * step // 3 + 1) for step in range(15)])


def test_a_system_of_one_phase_has_all_of_it(seconds):
    assert fit(pixel_system(), [Tick(seconds, 0.5), Clock(0.25, pixel=1000)]).global_step == 30


def test_given_weights_leave_all_of_it_to_the_adversarial_phase(seconds):
    tick = Tick(seconds)
    assert fit(gan(0), [tick, Clock(0.1, pixel=0, adversarial=5)]).global_step == 6
    assert set(tick.phases) == {"adversarial"}


def test_a_resumed_run_has_what_is_left(seconds):
    before, after = Clock(1, pixel=1, adversarial=1), Clock(1, pixel=1, adversarial=1)
    fit(gan(1), [Tick(seconds), before], steps=40)
    assert (before.pixel_ended, before.seconds) == (30, 40)
    after.load_state_dict(before.state_dict())
    seconds[0] += 1e6  # overnight
    system = gan(1)
    assert fit(system, [Tick(seconds), after]).global_step == 20
    assert system.pixel_steps == 30


def test_validation_costs_no_time(seconds):
    class Slow(pl.Callback):
        def on_validation_epoch_end(self, *_):
            seconds[0] += 1000

    trainer = pl.Trainer(max_steps=1000, val_check_interval=4, callbacks=[Tick(seconds), Slow(), Clock(0.2, pixel=9)],
                         **QUIET)  # fmt: skip
    trainer.fit(pixel_system(), batches(100), batches(1))
    assert trainer.global_step == 12


def test_the_time_that_the_process_works(monkeypatch):
    now = [3.0]
    monkeypatch.setattr(clock, "process_time", lambda: now[0])
    monkeypatch.setattr(clock, "monotonic", lambda: pytest.fail("this is the time that passes"))
    assert fit(pixel_system(), [Tick(now), Clock(0.5, pixel=9, counts="processor")]).global_step == 30


def test_without_minutes_nothing_is_different():
    plain, clocked = gan(2), gan(2)
    fit(plain, [], steps=4)
    fit(clocked, [Clock(None, pixel=2, adversarial=2)], steps=4)
    assert clocked.clocked is None
    for a, b in zip(plain.state_dict().values(), clocked.state_dict().values(), strict=True):
        assert torch.equal(a, b)
