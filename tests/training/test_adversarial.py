"""The discriminator's turns: several a step, or none while it is far ahead."""

from functools import partial

import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from sr.errors import UserError
from sr.losses import Vanilla
from sr.training.schedules import MultiStep
from sr.training.system import NonFiniteError

from .test_system import Demanding, batches, demanding_gan, equal, fit, gan, state, stopped_and_resumed

SGD = partial(torch.optim.SGD, fused=True)


def test_several_turns_a_step_are_updates_one_after_another():
    """Where the generator stands still, two turns in three steps are six steps of one turn on the same images."""
    batch = list(batches(1).dataset)
    still = {"adversarial_schedule": MultiStep(0.0), "adversarial_weight": 0.0}
    often, long = gan(discriminator_updates=2, **still), gan(**still)
    fit(often, 3, loader=DataLoader(batch * 3, batch_size=4))
    fit(long, 6, loader=DataLoader(batch * 6, batch_size=4))
    assert often.global_step == 3
    for a, b in zip(often.discriminator.parameters(), long.discriminator.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-7)
    assert not equal(state(often.discriminator), gan().discriminator.state_dict())


class BadAtThird(Vanilla):
    """Whose loss for the discriminator is NaN when it is asked for the sixth time: second turn of the third step."""

    calls = 0

    def discriminator(self, D, hr, sr, lr):
        loss, parts = super().discriminator(D, hr, sr, lr)
        self.calls += 1
        return loss * (float("nan") if self.calls == 6 else 1), parts


def test_a_step_refused_at_a_later_turn_changes_nothing():
    good = gan(discriminator_updates=2, optimizer=SGD)
    fit(good, 2, loader=batches(3))
    bad = gan(discriminator_updates=2, optimizer=SGD, adversarial=BadAtThird())
    with pytest.raises(NonFiniteError, match="at step 3: loss/discriminator"):
        fit(bad, 3, loader=batches(3))
    assert bad.adversarial.calls == 6
    assert equal(bad.state_dict(), good.state_dict())


def test_optimizer_state_is_put_back_too():
    system = gan(discriminator_updates=2, adversarial=BadAtThird())
    kept = {}

    class Remember(pl.Callback):
        def on_train_batch_end(self, trainer, pl_module, *rest):
            kept.update(moments())

    def moments():
        optimizer = system.trainer.optimizers[1]
        return {(i, key): value.clone() for i, s in enumerate(optimizer.state.values()) for key, value in s.items()}

    with pytest.raises(NonFiniteError):
        fit(system, 3, [Remember()], loader=batches(3))
    now = moments()
    assert len(now) > 10
    assert all(torch.equal(now[key], kept[key]) for key in now)


def test_it_rests_while_its_accuracy_is_above(tmp_path):
    system = gan(discriminator_rests_above=0.0)
    before = state(system.discriminator)
    fit(system, 3)
    assert equal(before, system.discriminator.state_dict())
    assert not equal(gan().generator.state_dict(), system.generator.state_dict())

    never, usual = gan(discriminator_rests_above=1.0), gan()
    fit(never, 3)
    fit(usual, 3)
    assert equal(usual.discriminator.state_dict(), never.discriminator.state_dict())
    assert never.accuracy != 0.5
    assert "accuracy" not in usual.state_dict()


@pytest.mark.parametrize("options", [{"discriminator_updates": 3}, {"discriminator_rests_above": 0.51}])
def test_runs_with_turns_resume_as_if_never_stopped(tmp_path, options):
    whole, _, rest = stopped_and_resumed(lambda: gan(pixel_steps=1, **options), tmp_path)
    assert rest.global_step == 6
    assert equal(whole.state_dict(), rest.state_dict())


def test_a_loss_that_tells_no_accuracy_cannot_let_it_rest():
    with pytest.raises(UserError, match=r"discriminator_rests_above=0.9: the adversarial loss does not tell"):
        fit(demanding_gan(discriminator_rests_above=0.9), 1)
    assert isinstance(demanding_gan().adversarial, Demanding)
