"""The page of a sweep says which job won, how sure that is, and what failed."""

import json

from sr.judge.sweeps import tell


def test_the_page(add, tmp_path, capsys):
    for seed in (1, 2):
        add(f"x=1 seed={seed}", 30 + seed, 0.2)
        add(f"x=2 seed={seed}", 30.25 + seed, 0.25)
    add("x=3 seed=1", failed="x=3: too much")
    add("x=3 seed=2")
    tell(tmp_path, "python -m sr.train -m x=1,2,3 seed=1,2")
    page = (tmp_path / "README.md").read_text()
    for told in (
        "    python -m sr.train -m x=1,2,3 seed=1,2",
        "6 jobs: 4 finished, 1 failed, 1 unfinished.",
        "Best PSNR-Y (dB) on set5: job 3 (x=2 seed=2), 32.25.",
        "Best ST-LPIPS on set5: job 0 (x=1 seed=1), 0.2000.",
        "Job 4 (x=3 seed=1) failed: x=3: too much",
        "resume=auto goes on",
        "|  | bicubic | 28.40 | 0.3000 |  |",
        "| 3 | x=2 seed=2 | **32.25** | 0.2500 | finished |",
        "| 5 | x=3 seed=2 | - | - | unfinished |",
        "|  | x=1, 2 seeds | 31.50 ± 0.71 | 0.2000 ± 0.0000 | mean ± spread |",
        "x=2 against x=1 +0.25 ± 0.00, better with 2 of 2 seeds",
        "(plane.png)", "(panels.png)", "(curves.png)", "(3/README.md)",
    ):  # fmt: skip
        assert told in page
    assert "Best PSNR-Y" in capsys.readouterr().out
    plain = json.loads((tmp_path / "sweep.json").read_text())
    assert [job["status"] for job in plain["jobs"]] == ["finished"] * 4 + ["failed", "unfinished"]
    assert plain["jobs"][3]["scores"] == {"set5": {"psnr_y": 32.25, "st_lpips": 0.25}}
    assert len(plain["mean_and_spread"]) == len(plain["paired"]) == 2


def test_a_sweep_of_which_nothing_finished_has_a_page_all_the_same(add, tmp_path):
    add("x=1", failed="no")
    add("x=2", failed="no, too")
    tell(tmp_path, "command")
    assert "2 jobs: 2 failed." in (tmp_path / "README.md").read_text()
    assert not list(tmp_path.glob("*.png"))


def test_a_sweep_that_never_began_has_none(tmp_path):
    tell(tmp_path, "command")
    assert not list(tmp_path.iterdir())
