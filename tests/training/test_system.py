"""What one step does, on networks small enough to follow."""

import math
from copy import deepcopy
from functools import partial

import pytest
import pytorch_lightning as pl
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader

from sr.degradations import Bicubic, Curriculum
from sr.discriminators import UNetDiscriminator, VGGDiscriminator
from sr.generators import Compact, SRResNet
from sr.losses import L1, STLPIPS, Vanilla, WeightedSum
from sr.training.adversarial import AdversarialSystem
from sr.training.callbacks import Checkpoints, Rehearsal
from sr.training.schedules import Cosine, MultiStep
from sr.training.system import NonFiniteError, PixelSystem


def batches(count: int, size: int = 4, seed: int = 0) -> DataLoader:
    random = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (count * size, 3, 16, 16), generator=random, dtype=torch.uint8)
    return DataLoader([{"hr": image, "n": n} for n, image in enumerate(images)], batch_size=size)


def content() -> WeightedSum:
    return WeightedSum({"pixel": L1()}, {"pixel": 1.0})


def pixel_system(**changes) -> PixelSystem:
    torch.manual_seed(0)
    options = {
        "generator": SRResNet(scale=2, width=4, blocks=1, norm=False),
        "degradation": Bicubic(2),
        "content": content(),
        "optimizer": partial(torch.optim.Adam, fused=True),
        "schedule": MultiStep(1e-3),
        "metrics": {},
    }
    return PixelSystem(**(options | changes))


def gan(pixel_steps: int = 0, **changes) -> AdversarialSystem:
    torch.manual_seed(0)
    options = {
        "generator": SRResNet(scale=2, width=4, blocks=1, norm=False),
        "discriminator": VGGDiscriminator(width=2, grid=2, dense=4, norm=False),
        "degradation": Bicubic(2),
        "content": content(),
        "adversarial_content": content(),
        "adversarial": Vanilla(),
        "adversarial_weight": 0.1,
        "optimizer": partial(torch.optim.Adam, fused=True),
        "schedule": MultiStep(1e-3),
        "adversarial_schedule": MultiStep(1e-3),
        "discriminator_schedule": MultiStep(1e-3),
        "metrics": {},
        "pixel_steps": pixel_steps,
    }
    return AdversarialSystem(**(options | changes))


def demanding_gan(**changes) -> AdversarialSystem:
    torch.manual_seed(0)
    patches = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 3))
    return gan(adversarial=Demanding(), discriminator=patches, **changes)


def spectral_gan(**changes) -> AdversarialSystem:
    torch.manual_seed(0)
    return gan(discriminator=UNetDiscriminator(width=2), **changes)


def fit(system: PixelSystem, steps: int, callbacks=(), loader=None, resume=None, **options) -> pl.Trainer:
    keeps = any(isinstance(callback, Checkpoints) for callback in callbacks)
    trainer = pl.Trainer(
        max_steps=steps, accelerator="cpu", devices=1, logger=False, callbacks=list(callbacks), limit_val_batches=0,
        enable_progress_bar=False, enable_model_summary=False, enable_checkpointing=keeps, **options,
    )  # fmt: skip
    trainer.fit(system, loader or batches(steps), ckpt_path=resume, weights_only=True)
    return trainer


def stopped_and_resumed(make, folder) -> tuple:
    """Three systems: trained for six steps on the same batch, for three, and on from there to six."""
    loader = DataLoader(list(batches(1).dataset) * 6, batch_size=4)
    whole, half, rest = (make() for _ in range(3))
    fit(whole, 6, loader=loader)
    fit(half, 3, [Checkpoints(str(folder), every_steps=100)], loader=loader)
    fit(rest, 6, loader=loader, resume=folder / "last.ckpt")
    return whole, half, rest


class Demanding(nn.Module):
    """Relativistic in pairs (arXiv 1807.00734, eq. 6), R1 (arXiv 1801.04406, eq. 9), and a buffer of its own."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))

    def discriminator(self, D, hr, sr, lr):
        self.calls += 1
        relativistic = F.softplus(D(sr) - D(hr)).mean()
        with torch.autocast(hr.device.type, enabled=False):
            hr = hr.detach().requires_grad_()
            (slope,) = torch.autograd.grad(D(hr).sum(), hr, create_graph=True)
        r1 = slope.square().sum((1, 2, 3)).mean()
        return relativistic + 5 * r1, {"loss/r1": r1.detach()}

    def generator(self, D, sr, hr, lr):
        real, fake = D(hr), D(sr)
        return F.softplus(real - fake).mean(), {"logits/lead": (real - fake).detach().mean()}


class Plain:
    """The same in a class that is no module."""

    def __init__(self):
        loss = Demanding()
        self.discriminator, self.generator = loss.discriminator, loss.generator


class Spy(pl.Callback):
    """Looks after every step."""

    def __init__(self, look) -> None:
        self.look, self.seen = look, []

    def on_train_batch_end(self, trainer, pl_module, *_) -> None:
        self.seen.append(self.look(pl_module))


def state(network: nn.Module) -> dict[str, torch.Tensor]:
    return deepcopy(network.state_dict())


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[key], b[key]) for key in a)


def test_one_step_is_one_batch_with_two_optimizers(tmp_path):
    spy = Spy(lambda system: system.global_step)
    trainer = fit(gan(), 20, [spy, Checkpoints(str(tmp_path), every_steps=5)], loader=batches(100))
    assert spy.seen == list(range(1, 21))
    assert trainer.global_step == 20
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["global_step"] == 20


def test_checkpoints_fall_on_steps(tmp_path):
    saved = []

    class Watched(Checkpoints):
        def _save(self, trainer, name):
            saved.append((name, trainer.global_step))
            super()._save(trainer, name)

    fit(gan(pixel_steps=7), 20, [Watched(str(tmp_path), every_steps=5)])
    assert saved == [("last", 5), ("pixel", 7), ("last", 7), ("last", 10), ("last", 15), ("last", 20), ("last", 20)]


def test_learning_rates_are_those_of_the_schedules():
    schedules = {
        "schedule": Cosine(1e-2, steps=6, final=1e-3, warmup_steps=2),
        "adversarial_schedule": MultiStep(4e-3, milestones=[3], gamma=0.5),
        "discriminator_schedule": MultiStep(2e-3, warmup_steps=1),
    }
    spy = Spy(lambda system: [o.param_groups[0]["lr"] for o in system.trainer.optimizers])
    fit(gan(pixel_steps=6, **schedules), 12, [spy])
    generator, discriminator = zip(*spy.seen, strict=True)
    warmup = [1 / 3, 2 / 3, 1, 1, 1, 1]
    cosine = [(1e-3 + 9e-3 * (1 + math.cos(math.pi * i / 6)) / 2) * warmup[i] for i in range(6)]
    assert generator == pytest.approx([*cosine, 4e-3, 4e-3, 4e-3, 2e-3, 2e-3, 2e-3])
    assert discriminator[6:] == pytest.approx([1e-3, 2e-3, 2e-3, 2e-3, 2e-3, 2e-3])


class Sharpened(Bicubic):
    """Its targets are brighter, which is easily seen."""

    def sharpen(self, hr):
        assert not torch.is_autocast_enabled("cpu")
        return (hr + 0.25).clamp(max=1)


class Told:
    """Keeps what it is called with."""

    def __init__(self, made):
        self.made, self.seen = made, []

    def __call__(self, *images, **more):
        self.seen.append(images)
        return self.made(*images, **more)


def test_content_losses_alone_aim_at_sharpened_targets():
    system = gan(pixel_steps=1, degradation=Sharpened(2))
    for loss in (system.content, system.adversarial_content):
        loss.forward = Told(loss.forward)
    told = system.adversarial.generator = Told(system.adversarial.generator)
    judged = system.adversarial.discriminator = Told(system.adversarial.discriminator)
    loader = batches(2)
    fit(system, 2, loader=loader)
    pixel, adversarial = (batch["hr"] / 255 for batch in loader)
    torch.testing.assert_close(system.content.forward.seen[-1][1], (pixel + 0.25).clamp(max=1))
    torch.testing.assert_close(system.adversarial_content.forward.seen[-1][1], (adversarial + 0.25).clamp(max=1))
    torch.testing.assert_close(told.seen[-1][2], adversarial)
    torch.testing.assert_close(judged.seen[-1][1], adversarial)
    torch.testing.assert_close(system.pair(next(iter(loader)))[1], pixel)  # what metrics see


def test_a_curriculum_trains_on_what_is_gentle_and_validates_on_what_is_not():
    gentle, full = Told(Bicubic(2)), Told(Bicubic(2))
    system = pixel_system(degradation=Curriculum(gentle, full, share=[0, 0], steps=1, batch_size=4))
    trainer = pl.Trainer(max_steps=4, val_check_interval=2, check_val_every_n_epoch=None, num_sanity_val_steps=0,
                         accelerator="cpu", devices=1, logger=False, enable_progress_bar=False,
                         enable_model_summary=False, enable_checkpointing=False)  # fmt: skip
    trainer.fit(system, batches(4), batches(1))
    assert [numbers for _, numbers in gentle.seen] == [list(range(4 * step, 4 * step + 4)) for step in range(4)]
    assert [numbers for _, numbers in full.seen] == [[0, 1, 2, 3]] * 2


@pytest.mark.parametrize("make", [pixel_system, gan, demanding_gan])
def test_accumulation_in_k_pieces_equals_a_k_times_larger_batch(make):
    optimizer = partial(torch.optim.SGD, fused=True)
    whole, pieces = make(optimizer=optimizer), make(optimizer=optimizer, accumulate=4)
    for system in (whole, pieces):
        fit(system, 5, loader=batches(5, size=8))
    for (name, a), b in zip(whole.named_parameters(), pieces.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-6, msg=name)


def test_a_batch_that_cannot_be_cut_is_refused():
    with pytest.raises(ValueError, match=r"batch of 4 cannot be cut into system\.accumulate=3"):
        fit(pixel_system(accumulate=3), 1)


class Apart(nn.Module):
    """How far the image is from the average's, and from its input in brightness: of no use but to be followed."""

    inputs = ("average", "lr", "sr")

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, average, lr, sr):
        self.seen.append((average, lr))
        return (sr - average).square().mean() + (sr.mean((1, 2, 3)) - lr.mean((1, 2, 3))).square().mean()


def apart() -> WeightedSum:
    return WeightedSum({"pixel": L1(), "apart": Apart()}, {"pixel": 1.0, "apart": 1.0})


@pytest.mark.parametrize(
    ("option", "expected"),
    [("content", [2, 4, 4, 4]), ("adversarial_content", [0, 0, 2, 4]), ("metrics", [0, 0, 0, 0])],
)
def test_the_average_sees_each_piece_once_and_only_where_a_loss_names_it(option, expected):
    made, loss = [], apart()
    given = {} if option == "metrics" else {option: loss}
    system = gan(pixel_steps=2, accumulate=2, **given)
    system.generator_ema.register_forward_hook(lambda _, args, sr: made.append((sr, *args)))
    counts = Spy(lambda _: len(made))
    fit(system, 4, [counts])
    assert counts.seen == expected
    assert [tuple(map(id, images)) for images in loss.terms["apart"].seen] == [
        tuple(map(id, images)) for images in made
    ]
    assert not any(average.requires_grad for average, _ in made)


def test_a_run_with_the_averages_image_resumes_as_if_never_stopped(tmp_path):
    whole, half, rest = stopped_and_resumed(
        lambda: gan(pixel_steps=2, content=apart(), adversarial_content=apart()), tmp_path
    )
    assert rest.global_step == 6
    assert equal(whole.state_dict(), rest.state_dict())
    assert not equal(half.state_dict(), rest.state_dict())


def test_power_iterations_resume_as_if_never_stopped(tmp_path):
    whole, half, rest = stopped_and_resumed(spectral_gan, tmp_path)
    assert equal(whole.state_dict(), rest.state_dict())
    assert not torch.equal(half.discriminator.conv1.weight_u, rest.discriminator.conv1.weight_u)


def test_accumulation_equals_the_whole_batch_with_the_averages_image_too():
    optimizer = partial(torch.optim.SGD, fused=True)
    whole, pieces = (gan(optimizer=optimizer, adversarial_content=apart(), accumulate=k) for k in (1, 4))
    for system in (whole, pieces):
        fit(system, 5, loader=batches(5, size=8))
    for (name, a), b in zip(whole.named_parameters(), pieces.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-6, msg=name)


def test_a_run_tells_on_which_metrics_it_trains():
    terms, weights = {"pixel": L1(), "st": STLPIPS("alex")}, {"pixel": 1.0, "st": 1.0}
    assert gan(adversarial_content=WeightedSum(terms, weights)).trains_on == {"STLPIPS"}
    assert pixel_system(content=WeightedSum(terms, weights | {"st": 0.0})).trains_on == set()
    assert gan().trains_on == set()


def test_a_content_loss_that_names_no_inputs_is_a_plain_function_of_sr_and_hr():
    def plain(sr, hr):
        return (sr - hr).abs().mean(), {"mine": (sr - hr).detach().abs().mean()}

    system, expected = pixel_system(content=plain), pixel_system()
    for each in (system, expected):
        fit(each, 2)
    assert equal(system.state_dict(), expected.state_dict())


def test_pixel_phase_leaves_the_discriminator_alone():
    system = gan(pixel_steps=5)
    before = state(system.discriminator)
    fit(system, 5)
    assert equal(before, system.discriminator.state_dict())


def test_each_update_changes_its_own_network_alone():
    system = gan()
    snapshots = []
    original = system.updating

    def spying(name, rate, *rest, **named):
        snapshots.append((name, state(system.generator), state(system.discriminator)))
        return original(name, rate, *rest, **named)

    system.updating = spying
    fit(system, 3)
    assert [name for name, *_ in snapshots] == ["generator", "discriminator"] * 3
    for (_, g0, d0), (_, g1, d1), (_, g2, d2) in zip(snapshots[::2], snapshots[1::2], snapshots[2::2], strict=False):
        assert equal(g0, g1)  # both are updated at the end of the step
        assert equal(d0, d1)
        assert not equal(g1, g2)
        assert not equal(d1, d2)


@pytest.mark.parametrize(("moving", "rate"), [("generator", "discriminator_schedule"),
                                              ("discriminator", "adversarial_schedule")])  # fmt: skip
def test_the_loss_of_one_network_does_not_move_the_other(moving, rate):
    system = gan(**{rate: MultiStep(0.0)})
    before = state(system.generator), state(system.discriminator)
    fit(system, 2)
    moved = [not equal(a, state(b)) for a, b in zip(before, (system.generator, system.discriminator), strict=True)]
    assert moved == [moving == "generator", moving == "discriminator"]


@pytest.mark.parametrize("adversarial", [Vanilla(), Demanding()])
def test_the_generators_loss_leaves_no_gradient_on_the_discriminator(adversarial):
    system = gan(adversarial=adversarial)
    gradients = []
    original = system.updating

    def spying(name, rate, *rest, **named):
        gradients.append([None if p.grad is None else p.grad.clone() for p in system.discriminator.parameters()])
        return original(name, rate, *rest, **named)

    system.updating = spying
    fit(system, 2)
    before_g, before_d, before_next_g, before_next_d = gradients
    assert before_g == before_d == [None] * len(before_g)
    for a, b in zip(before_next_g, before_next_d, strict=True):
        assert torch.equal(a, b), "the generator's loss left a gradient on the discriminator"
    assert all(p.requires_grad for p in system.parameters() if p not in set(system.generator_ema.parameters()))


@pytest.mark.parametrize("adversarial", [Demanding, Plain])
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_loss_that_calls_the_discriminator_often_trains_and_is_watched(adversarial, precision):
    system = gan(adversarial=adversarial(), log_every_steps=2)
    rows = []
    system.write_row = rows.append
    before = {name: state(system.get_submodule(name)) for name in system.trained_networks}
    fit(system, 4, precision=precision)
    assert all(p.isfinite().all() for p in system.parameters())
    for name in system.trained_networks:
        assert not equal(before[name], system.get_submodule(name).state_dict())
    assert len(rows) == 2
    assert {"loss/r1", "logits/lead", "loss/adversarial", "loss/discriminator"} < set(rows[0])


def test_the_buffers_of_a_loss_are_kept_and_continued(tmp_path):
    fit(demanding_gan(), 3, [Checkpoints(str(tmp_path), every_steps=100)])
    system = demanding_gan()
    fit(system, 5, resume=tmp_path / "last.ckpt")
    assert system.adversarial.calls == 5


def test_curves_of_the_vanilla_gan_have_these_columns():
    system = gan(log_every_steps=2)
    rows = []
    system.write_row = rows.append
    fit(system, 2)
    assert [name for name in rows[0] if name.startswith(("loss/", "logits/"))] == [
        "loss/pixel", "loss/adversarial", "loss/generator", "loss/discriminator", "logits/real", "logits/fake",
    ]  # fmt: skip


def test_the_adversarial_gradient_reaches_the_generator():
    """With nothing but the adversarial loss the generator moves, and moves so that the logits of its images rise."""

    class Nothing(nn.Module):
        def forward(self, sr, hr):
            return sr.sum() * 0, {}

    system = gan(adversarial_content=Nothing(), discriminator_schedule=MultiStep(0.0))
    lr = torch.rand(8, 3, 8, 8)
    with torch.no_grad():
        before = system.discriminator(system.generator(lr)).mean()
    fit(system, 20)
    with torch.no_grad():
        assert system.discriminator(system.generator(lr)).mean() > before


def test_the_adversarial_weight_ramps():
    class Nothing(nn.Module):
        def forward(self, sr, hr):
            return sr.sum() * 0, {}

    class One(Vanilla):
        def generator(self, D, sr, hr, lr):
            return sr.sum() * 0 + 1, {}

    losses = []
    system = gan(pixel_steps=2, ramp_steps=3, adversarial_weight=1.0, adversarial_content=Nothing(), adversarial=One())
    backward = system.manual_backward
    system.manual_backward = lambda loss: (losses.append(loss.item()), backward(loss))
    fit(system, 8)
    assert losses[2::2] == [0.25, 0.5, 0.75, 1, 1, 1]  # every other one is the discriminator's


def test_clipping_acts():
    sgd = {"optimizer": partial(torch.optim.SGD, fused=True), "schedule": MultiStep(1.0)}
    clipped, free = (pixel_system(clip_norm=norm, **sgd) for norm in (1e-3, None))
    moved = []
    for system in (clipped, free):
        before = [p.detach().clone() for p in system.generator.parameters()]
        fit(system, 1)
        delta = [p.detach() - b for p, b in zip(system.generator.parameters(), before, strict=True)]
        moved.append(torch.cat([d.flatten() for d in delta]).norm().item())
    assert moved[0] == pytest.approx(1e-3, rel=1e-3)
    assert moved[1] > 10 * moved[0]


def test_ema_is_the_average_of_the_generator_alone():
    system = pixel_system(ema_decay=0.5, generator=Compact(2, width=4, depth=1))
    expected = [p.detach().clone() for p in system.generator.parameters()]

    def follow(system):
        decay = min(0.5, (1 + system.global_step) / (10 + system.global_step))
        for e, p in zip(expected, system.generator.parameters(), strict=True):
            e.lerp_(p.detach(), 1 - decay)

    fit(system, 6, [Spy(follow)])
    for e, p in zip(expected, system.generator_ema.parameters(), strict=True):
        torch.testing.assert_close(e, p)
    assert {key.split(".")[0] for key in system.state_dict()} == {"generator", "generator_ema"}


def test_ema_follows_batch_norm_statistics():
    system = pixel_system(generator=SRResNet(scale=2, width=4, blocks=1))
    fit(system, 3)
    assert equal(dict(system.generator.named_buffers()), dict(system.generator_ema.named_buffers()))
    assert not system.generator_ema.training


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("make", [pixel_system, gan])
def test_a_loss_that_is_not_finite_stops_with_the_last_good_state(tmp_path, make, fused):
    class Poisoned(L1):
        calls = 0

        def forward(self, sr, hr):
            self.calls += 1
            return super().forward(sr, hr) * (float("nan") if self.calls == 8 else 1)

    sums = {"content": WeightedSum({"pixel": Poisoned()}, {"pixel": 1.0}),
            "generator": SRResNet(scale=2, width=4, blocks=1)}  # fmt: skip
    if make is gan:
        sums |= {"adversarial_content": sums["content"], "discriminator": VGGDiscriminator(width=2, grid=2, dense=4)}
    system = make(log_every_steps=5, optimizer=partial(torch.optim.Adam, fused=fused), **sums)
    everything = Spy(lambda s: deepcopy([s.state_dict(), [o.state_dict() for o in s.trainer.optimizers]]))
    with pytest.raises(NonFiniteError, match=r"at step 8: .*nothing was changed since"):
        fit(system, 20, [everything, Checkpoints(str(tmp_path), every_steps=5)])
    torch.testing.assert_close(everything.look(system), everything.seen[6], rtol=0, atol=0)
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["global_step"] == 5
    assert sorted(file.name for file in tmp_path.iterdir()) == ["healthy.ckpt", "last.ckpt"]


def test_a_frozen_network_inside_the_discriminator_is_not_copied_at_every_step():
    system = spectral_gan()
    changing = {id(tensor) for tensor in system.changing()}
    system.discriminator.register_buffer("backbone", torch.zeros(9), persistent=False)
    assert {id(tensor) for tensor in system.changing()} == changing
    assert id(system.discriminator.conv1.weight_u) in changing
    fit(system, 1)
    assert not any(kept is system.discriminator.backbone for kept in system.guard.kept[0])


@pytest.mark.parametrize("make", [gan, spectral_gan])  # whose calls change buffers
def test_when_the_discriminators_update_is_refused_the_generators_is_too(make):
    class Poisoned(Vanilla):
        def discriminator(self, D, hr, sr, lr):
            loss, parts = super().discriminator(D, hr, sr, lr)
            return loss * float("nan"), parts

    system = make(adversarial=Poisoned())
    before = state(system)
    with pytest.raises(NonFiniteError, match="at step 1: loss/discriminator"):
        fit(system, 3)
    assert equal(before, state(system))


def test_half_precision_is_refused():
    with pytest.raises(ValueError, match="bf16-mixed"):
        fit(pixel_system(), 1, precision="bf16-true")


@pytest.mark.parametrize("emulated", [True, False])
def test_half_precision_that_the_processor_emulates_is_told(emulated, monkeypatch, capsys):
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: not emulated)
    fit(pixel_system(), 1, [Rehearsal()], precision="bf16-mixed")
    assert ("trainer.precision=32-true" in capsys.readouterr().out) is emulated
    fit(pixel_system(), 1, [Rehearsal()])
    assert not capsys.readouterr().out


@pytest.mark.parametrize("make", [gan, spectral_gan])
def test_bf16_autocast_trains_fp32_weights(make):
    system = make()
    fit(system, 3, precision="bf16-mixed")
    assert all(p.dtype == torch.float32 and p.isfinite().all() for p in system.parameters())


@pytest.mark.slow
def test_compiled_networks_train_as_plain_ones():
    plain, compiled = gan(pixel_steps=1), gan(pixel_steps=1, compile=True)
    for system in (plain, compiled):
        fit(system, 4)
    for (name, a), b in zip(plain.named_parameters(), compiled.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5, msg=name)
    assert list(plain.state_dict()) == list(compiled.state_dict())


def test_channels_last_changes_the_layout_and_not_the_result():
    first, last = (pixel_system(channels_last=c) for c in (False, True))
    for system in (first, last):
        fit(system, 3)
    assert last.generator.tail.weight.is_contiguous(memory_format=torch.channels_last)
    for a, b in zip(first.parameters(), last.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_batches_of_16_bits_and_of_pairs():
    items = [
        {
            "hr": torch.full((3, 16, 16), 65535, dtype=torch.uint16),
            "lr": torch.full((3, 8, 8), 32768, dtype=torch.uint16),
        }
    ] * 4
    seen = []
    system = pixel_system()
    system.content.register_forward_pre_hook(lambda _, args: seen.append(args))
    system.generator.register_forward_pre_hook(lambda _, args: seen.append(args))
    fit(system, 1, loader=DataLoader(items, batch_size=4))
    (lr,), (_, hr) = seen
    assert lr.unique().item() == pytest.approx(32768 / 65535)
    assert hr.unique().item() == 1
