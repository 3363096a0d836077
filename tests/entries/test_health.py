"""A run that collapses, by the real command: stopped, and taken back."""

import csv
import json

import pytest

from .conftest import SMALL
from .test_train import only_run, scores

COLLAPSING = [  # from good weights, at a learning rate that rises 300 times
    "init_from=fast_x4", "steps.adversarial=60", "trainer.val_check_interval=10", "schedule=srgan",
    "callbacks.checkpoints.every_steps=10", "schedule.adversarial.milestones=[24]", "schedule.adversarial.gamma=300",
]  # fmt: skip


@pytest.mark.slow
def test_a_rollback_ends_better_than_a_stop(train, tmp_path):
    small = [option for option in SMALL if not option.startswith(("generator.", "steps."))]
    ends = {}
    for choice in ("stop", "rollback"):
        options = [f"name={choice}", f"callbacks.health.on_collapse={choice}", "callbacks.health.slower=0.003"]
        output = train(*COLLAPSING, *options, small=[*small, "steps.ramp=2"])
        run = only_run(tmp_path, choice)
        told = [json.loads(line)["rule"] for line in (run / "health.jsonl").read_text().splitlines()]
        assert told == (["gradient_norm", "rollback"] if choice == "rollback" else
                        ["gradient_norm", "stop", "below_bicubic"])  # fmt: skip
        assert "health, step 30: the generator's gradients explode" in output
        ends[choice] = {row["model"]: row for row in scores(run)}
        assert (run / "README.md").exists()
    assert ends["rollback"]["last"]["psnr_y"] > ends["rollback"]["bicubic"]["psnr_y"] > 30
    assert ends["stop"]["last"]["psnr_y"] < 27
    assert ends["rollback"]["best"]["st_lpips"] < ends["stop"]["best"]["st_lpips"]
    with open(only_run(tmp_path, "rollback") / "curves.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows if row["health/rollbacks"]] == ["30"]
    rates = {row["step"]: float(row["learning_rate/generator"]) for row in rows if row["learning_rate/generator"]}
    assert rates["24"] < rates["30"] > 100 * rates["32"]
