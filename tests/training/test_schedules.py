import pytest
import torch

from sr.training.schedules import Cosine, MultiStep


def rates(scheduler_of, steps: int) -> list[float]:
    """Learning rates that one of torch's own schedulers gives for steps 0, 1 ..."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = scheduler_of(optimizer)
    given = []
    for _ in range(steps):
        given.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return given


def test_multistep_equals_torch():
    reference = rates(lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [3, 5], gamma=0.5), 8)
    schedule = MultiStep(0.1, milestones=[3, 5], gamma=0.5)
    assert [schedule(step) for step in range(8)] == pytest.approx(reference)


def test_cosine_equals_torch():
    reference = rates(lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=10, eta_min=0.02), 11)
    schedule = Cosine(0.1, steps=10, final=0.02)
    assert [schedule(step) for step in range(11)] == pytest.approx(reference)


def test_cosine_stays_at_its_end():
    assert Cosine(0.1, steps=10, final=0.02)(1000) == pytest.approx(0.02)


def test_cosine_of_no_steps_is_at_its_end_at_once():
    assert Cosine(0.1, steps=0, final=0.02)(1) == pytest.approx(0.02)


@pytest.mark.parametrize("schedule", [MultiStep(1.0, warmup_steps=4), Cosine(1.0, steps=10**9, warmup_steps=4)])
def test_warmup_grows_in_equal_steps_and_is_over_at_its_step(schedule):
    assert [schedule(step) for step in range(6)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])


@pytest.mark.parametrize("schedule", [MultiStep(1.0, [2], 0.5, 3), Cosine(1.0, 9, 0.1, 3)])
def test_a_resumed_run_needs_no_state(schedule):
    in_order = [schedule(step) for step in range(12)]
    assert [schedule(step) for step in reversed(range(12))] == in_order[::-1]
