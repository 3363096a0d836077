"""Words from elsewhere work, or are answered with ours."""

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from sr.config import CONF, register
from sr.errors import UserError
from sr.habits import OF_EVALUATION, OF_TRAINING, ours, refuse


@pytest.fixture(scope="module", autouse=True)
def hydra():
    register()
    with initialize_config_dir(CONF, version_base="1.3"):
        yield
    GlobalHydra.instance().clear()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        *((word, ["logger=none"]) for word in ("logger=[]", "logger=null", "logger=none", "~logger", "logger=False")),
        ("logger=[csv,wandb]", ["logger=csv_wandb"]),
        ("logger=[wandb, csv]", ["logger=csv_wandb"]),
        ("logger=tensorboard", ["logger=tensorboard"]),
        ("ckpt_path=outputs/a/last.ckpt", ["resume=outputs/a/last.ckpt"]),
        ("ckpt_path=null", []),
        ("debug=fdr", ["debug=fast_dev_run"]),
        ("debug=null", []),
        ("debug=overfit", ["debug=overfit"]),
        ("test=False", ["test=[]"]),
        ("task_name=mine", ["name=mine"]),
        ("tags=null", ["tags=[]"]),
        ("tags=[a,b]", ["tags=[a,b]"]),
        *((word, [word]) for word in ("trainer=cpu", "trainer=gpu", "trainer=ddp", "seed=7", "callbacks=default",
                                      "~callbacks.panels", "callbacks.checkpoints.keep=2", "-m")),
    ],
)  # fmt: skip
def test_what_is_typed_from_habit_is_taken(typed, meant, monkeypatch):
    assert ours(["experiment=srgan", typed]) == ["experiment=srgan", *meant]
    settings = [word for word in meant if not word.startswith(("-", "resume"))]
    config = compose("train", overrides=["experiment=srgan", *settings])
    if "logger=none" in meant:
        assert dict(config.logger) == {}


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        *((word, "debug=fast_dev_run") for word in ("callbacks=null", "~callbacks", "callbacks=none", "callbacks=[]")),
        ("seed=null", "seed=$RANDOM"),
        ("train=False", "python -m sr.evaluate model=RUN"),
        ("model=mnist", "generator=NAME"),
        ("hparams_search=optuna", "hydra/sweeper=search"),
        ("trainer.max_epochs=5", "steps.pixel=N steps.adversarial=N"),
        ("+trainer.min_epochs=5", "steps.pixel=N steps.adversarial=N"),
        ("+trainer.fast_dev_run=true", "debug=fast_dev_run"),
        ("+trainer.overfit_batches=1", "debug=overfit"),
        ("-opt=a.yml", "experiment=NAME"),
        ("--auto_resume", "resume=auto"),
        ("--launcher=pytorch", "torchrun"),
    ],
)
def test_what_has_no_twin_is_answered_with_our_word(typed, word):
    with pytest.raises(UserError) as told:
        ours(["experiment=srgan", typed])
    assert word in str(told.value)
    assert str(told.value).startswith(typed.lstrip("+~").split("=")[0])
    assert "{" not in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(("typed", "word"), [("ckpt_path=a.ckpt", "model="), ("data=folder", "sets=")])
def test_evaluation_has_words_of_its_own(typed, word):
    with pytest.raises(UserError, match=word):
        refuse(["model=bicubic", typed])
    refuse(["model=bicubic", "sets=[set5]"])


def test_no_sentence_is_about_a_word_that_we_have():
    config = compose("train")
    evaluation = compose("evaluate")
    for word in set(OF_TRAINING) - {"callbacks", "seed"}:
        assert word not in config
        assert word.removeprefix("trainer.") not in config.trainer
    assert not set(OF_EVALUATION) & set(evaluation)
