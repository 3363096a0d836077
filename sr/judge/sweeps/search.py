"""What a search found: its best jobs, what mattered, and how to repeat them."""

import shlex
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sr.sweep.search.study import FILE, JOB, MAIN, jobs_in, storage_of

from ..figures import pyplot, save, towards
from .scores import Scored, named


def found(sweep: Path, jobs: Sequence[Scored]) -> dict[str, Any] | None:
    """What the study of this sweep says; None where there is none.

    Returns:
        {"objectives": name -> direction, "states": state -> how many trials, "trials": job -> {"state", "values",
        "params"}, "best": jobs that no other beats in all objectives, "commands": job -> command for each of these,
        "importances": objective -> option -> share}.
    """
    if not (sweep / FILE).exists():
        return None
    import optuna

    study = optuna.load_study(study_name=MAIN, storage=storage_of(sweep))
    if "objectives" not in study.user_attrs:
        return None
    trials = {
        job: {"state": trial.state.name.lower(), "values": trial.values, "params": trial.params}
        for job, trial in sorted(jobs_in(study).items())
    }
    done = [trial for trial in trials.values() if trial["state"] == "complete"]
    states = [trial["state"] for trial in trials.values()]
    best = sorted(trial.user_attrs[JOB] for trial in study.best_trials) if done else []
    given = {each.job.number: each.job.given for each in jobs}
    return {
        "objectives": study.user_attrs["objectives"],
        "states": {state: states.count(state) for state in dict.fromkeys(states)},
        "trials": trials,
        "best": best,
        "commands": {job: shlex.join(["python", "-m", "sr.train", *given[job]]) for job in best if job in given},
        "importances": _importances(study, optuna) if len(done) > 2 else {},
    }


def _importances(study: Any, optuna: Any) -> dict[str, dict[str, float]]:
    """By PED-ANOVA (Watanabe et al., arXiv 2304.10255), for each objective."""
    shares = {}
    for i, (name, direction) in enumerate(study.user_attrs["objectives"].items()):
        sign = 1 if direction == "minimize" else -1  # a target counts as better where it is lower
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                shares[name] = optuna.importance.get_param_importances(
                    study,
                    evaluator=optuna.importance.PedAnovaImportanceEvaluator(),
                    target=lambda trial, i=i, sign=sign: sign * trial.values[i],
                )
            except (ValueError, RuntimeError):  # too few that differ
                continue
    return shares


def section(search: Mapping[str, Any]) -> list[str]:
    """Lines of the page."""
    counts = ", ".join(f"{count} {state}" for state, count in search["states"].items())
    goals = search["objectives"]
    lines = ["## Search", "", f"By {', '.join(f'{name} ({way})' for name, way in goals.items())}: {counts}.", ""]
    several = len(goals) > 1
    if search["best"]:
        lines += ["Better than these in all objectives is no other:" if several else "The best:", ""]
        lines += [f"| job | {' | '.join(goals)} | options |", "|---|" + "---:|" * len(goals) + "---|"]
    for job in search["best"]:
        trial = search["trials"][job]
        options = named([f"{option}={value}" for option, value in trial["params"].items()])
        lines.append(f"| {job} | {' | '.join(f'{value:.5g}' for value in trial['values'])} | {options} |")
    lines += ["", "To repeat:" if search["commands"] else "", ""]
    lines += [f"    {command}\n" for command in search["commands"].values()]
    for name, shares in search["importances"].items():
        told = ", ".join(f"{option} {share:.0%}" for option, share in shares.items())
        lines.append(f"- What {name} depends on, by PED-ANOVA: {told}")
    return [*lines, ""]


def picture(search: Mapping[str, Any], path: Path) -> bool:
    """The first two objectives against each other with the Pareto front, or the only one over the jobs; and what
    mattered.

    Args:
        search: as `found` returns it.
        path: of the PNG.

    Returns:
        Whether there is anything to draw.
    """
    done = {job: trial["values"] for job, trial in search["trials"].items() if trial["state"] == "complete"}
    if not done:
        return False
    goals, shares = list(search["objectives"].items()), search["importances"]
    plt = pyplot()
    figure, axes = plt.subplots(1, 1 + bool(shares), figsize=(5 + 5 * bool(shares), 4), layout="constrained",
                                squeeze=False)  # fmt: skip
    axis, best = axes[0, 0], [job for job in search["best"] if job in done]
    axis.grid(alpha=0.3)
    if len(goals) > 1:
        (x, right), (y, up) = ((name, way == "maximize") for name, way in goals[:2])
        axis.scatter(*zip(*(values[:2] for values in done.values()), strict=True), color="C7", label="others")
        front = sorted((done[job] for job in best), key=lambda values: values[0])
        axis.plot(*zip(*(values[:2] for values in front), strict=True), "o-", color="C3", label="Pareto front")
        for job, values in done.items():
            axis.annotate(str(job), values[:2], xytext=(5, 5), textcoords="offset points", fontsize=8)
        axis.set(xlabel=towards(x, right), ylabel=towards(y, up))
        axis.margins(0.15)
    else:
        name, way = goals[0]
        values = [of[0] for of in done.values()]
        choose = max if way == "maximize" else min
        axis.scatter(list(done), values, color="C7", label="jobs")
        axis.plot(list(done), [choose(values[: i + 1]) for i in range(len(values))], color="C3", label="best so far")
        axis.set(xlabel="job", ylabel=name)
    axis.legend(fontsize=8)
    if shares:
        _bars(axes[0, 1], shares)
    save(figure, path)
    return True


def _bars(axis: Any, shares: Mapping[str, Mapping[str, float]]) -> None:
    options = list(dict.fromkeys(option for of in shares.values() for option in of))[::-1]
    height = 0.8 / len(shares)
    for i, (name, of) in enumerate(shares.items()):
        places = [row + (len(shares) / 2 - i - 0.5) * height for row in range(len(options))]
        axis.barh(places, [of.get(option, 0) for option in options], height, label=name)
    axis.set_yticks(range(len(options)), options, fontsize=8)
    axis.set(xlabel="importance (PED-ANOVA)", xlim=(0, 1))
    axis.legend(fontsize=8)
