"""What people type from habit, of Lightning, lightning-hydra-template and BasicSR, and what it is called here."""

from collections.abc import Sequence

from sr.errors import UserError

NOTHING = ("null", "none", "None", "[]", "{}", "false", "False")
OF_TRAINING = {  # word -> what is said of it
    "callbacks": "callbacks={value}: here they keep checkpoints, stop cleanly and write the card, and stay; leave out "
    "one with ~callbacks.panels, or try a run out with debug=fast_dev_run",
    "seed": "seed={value}: sample n follows from the seed and n alone, so that a run can go on; give a number, "
    "seed=$RANDOM for another one each time",
    "train": "train={value}: python -m sr.evaluate model=RUN scores a run without training it",
    "model": "model={value}: the networks are generator=NAME and discriminator=NAME, and what trains them is "
    "system=adversarial or system=pixel",
    "hparams_search": "hparams_search={value}: a search is -m hydra/sweeper=search with an interval: docs/sweeps.md",
    "trainer.max_epochs": "trainer.max_epochs: training is counted in steps; give steps.pixel=N steps.adversarial=N",
    "trainer.min_epochs": "trainer.min_epochs: training is counted in steps; give steps.pixel=N steps.adversarial=N",
    "trainer.fast_dev_run": "trainer.fast_dev_run: it would never reach the adversarial phase; debug=fast_dev_run goes "
    "through each phase, validation and the card",
    "trainer.overfit_batches": "trainer.overfit_batches: samples are numbered and never come twice; debug=overfit "
    "trains on the first batch alone",
    "-opt": "-opt: recipes are conf/experiment/NAME.yaml, taken with experiment=NAME and changed with key=value",
    "--auto_resume": "--auto_resume: the newest run of this name goes on with resume=auto",
    "--launcher": "--launcher: torchrun --nproc_per_node=N -m sr.train trainer=ddp ... starts several processes",
}  # fmt: skip
OF_EVALUATION = {
    "ckpt_path": "ckpt_path={value}: what is scored is named by model=: the folder of a run, or a file of weights",
    "data": "data={value}: what is scored on is named by sets=, such as sets=[set5,DIR]",
}
RENAMED = {"ckpt_path": "resume", "task_name": "name", "debug=fdr": "debug=fast_dev_run"}


def ours(words: Sequence[str]) -> list[str]:
    """The words of a command line of `sr.train`, those known from elsewhere replaced by ours.

    Raises:
        UserError: a word that has no twin here, and what to type instead.
    """
    kept = []
    for word in words:
        key, _, value = word.partition("=")
        name, value = key.lstrip("+~"), "null" if key.startswith("~") else value
        if name == "logger" and (value in NOTHING or value.startswith("[")):
            kept.append(f"logger={'none' if value in NOTHING else '_'.join(_listed(value))}")
        elif name == "test" and value in NOTHING:
            kept.append("test=[]")
        elif name in ("ckpt_path", "debug", "tags") and value in NOTHING:
            kept += ["tags=[]"] if name == "tags" else []
        elif (name not in ("callbacks", "seed") or value in NOTHING) and name in OF_TRAINING:
            raise _told(OF_TRAINING, name, value)
        elif word in RENAMED:
            kept.append(RENAMED[word])
        elif name in RENAMED:
            kept.append(f"{RENAMED[name]}={value}")
        else:
            kept.append(word)
    return kept


def refuse(words: Sequence[str]) -> None:
    """Look for words from elsewhere in a command line of `sr.evaluate`.

    Raises:
        UserError: there is one, and what to type instead.
    """
    for word in words:
        key, _, value = word.partition("=")
        if key.lstrip("+~") in OF_EVALUATION:
            raise _told(OF_EVALUATION, key.lstrip("+~"), value)


def _listed(value: str) -> list[str]:
    return sorted(part.strip() for part in value.strip("[]").split(","))


def _told(sentences: dict[str, str], name: str, value: str) -> UserError:
    return UserError(sentences[name].format(value=value or "null"))
