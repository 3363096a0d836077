import re

from sr.dashboards.runs import differences, find, read
from sr.dashboards.tables import differing, health, number, scores, standing


def cells(html: str) -> list[list[str]]:
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    return [[re.sub(r"<[^>]*>", " ", cell).strip() for cell in re.findall(r"<t[dh].*?>(.*?)</t[dh]>", row)]
            for row in rows]  # fmt: skip


def test_standing_has_the_best_values_and_their_steps(make_run):
    runs = read([make_run("a"), make_run("b", seed=1, psnr=30.0, finished=False)])
    head, a, b = cells(standing(runs))
    assert head == ["run", "steps", "psnr_y ↑", "st_lpips ↓"]
    assert a == ["a (seed=0)", "30 finished", "29.00 step 20 bicubic 28.50", "0.1 step 30"]
    assert b == ["b (seed=1)", "30 so far", "30.00 step 20 bicubic 28.50", "0.1 step 30"]


def test_a_job_that_failed_says_why(make_run):
    good, bad = make_run("0"), make_run("1", seed=1, finished=False)
    for file in ("config.yaml", "curves.csv"):  # it failed before it began
        (bad / file).unlink()
    (bad / "ended.json").write_text('{"status": "failed", "message": "crop_px=30 is <odd>"}')
    _, _, row = cells(standing(read(find([str(good.parent)]))))
    assert row == ["1 (seed=1) crop_px=30 is &lt;odd&gt;", "0 failed", "-", "-"]


def test_scores_set_by_set_with_intervals(make_run):
    rows = cells(scores(read([make_run("a"), make_run("b", seed=1, psnr=30.0)])))
    assert rows == [
        ["run: what it kept", "psnr_y"],
        ["Set5 x4 (5 images)", ""],
        ["bicubic", "28.50 27 to 30"],
        ["a (seed=0): best", "29.00 28.50 to 29.50"],
        ["b (seed=1): best", "30.00 29.50 to 30.50"],
    ]
    assert scores([]) == ""


def test_differences_and_health_are_escaped(make_run):
    runs = read([make_run("a"), make_run("b", seed=1)])
    runs[1].config["seed"] = "<b>"
    html = differing(runs, differences(runs))
    assert '<td>seed</td><td class="value">0</td><td class="value">&lt;b&gt;</td>' in html
    assert health(runs) == "<p>No warnings.</p>"
    runs[0].health.append({"step": 20, "rule": "accuracy", "message": "D & G", "advice": "rest"})
    assert cells(health(runs))[1] == ["a (seed=0) step 20 accuracy", "D &amp; G rest"]


def test_numbers_as_one_reads_them():
    assert [number(v) for v in (None, 28.4317, 0.123456, 1234.5, 5, 2e-5)] == \
        ["-", "28.43", "0.1235", "1\u202f234", "5", "2e-05"]  # fmt: skip
