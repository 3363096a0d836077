"""Every YAML composes and instantiates; what is unknown or wrong is refused."""

import importlib
import inspect
import re
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import ConfigCompositionException, InstantiationException
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from sr.config import CONF, ENDLESS, EvaluateConfig, register, run_folder, validate, validate_definitions
from sr.data.folder import Folder
from sr.data.module import CropData
from sr.errors import UserError
from sr.judge.evaluation import load_metrics
from sr.judge.table import columns_of
from sr.losses import TotalVariation
from sr.sweep import CLAIMED

GROUPS = sorted(
    (str(file.parent.relative_to(CONF)), file.stem) for file in Path(CONF).rglob("*.yaml") if file.parent != Path(CONF)
)
EXPERIMENTS = [name for group, name in GROUPS if group == "experiment"]
PACKAGES = {
    "data": "data",
    "degradation": "degradations",
    "discriminator": "discriminators",
    "generator": "generators",
}
NEEDED = {  # what an option cannot do without
    ("experiment", "recipe"): ["data.root=somewhere"],
    ("sweep", "recipe"): ["data.root=somewhere"],
    ("data", "folder"): ["data.root=somewhere"],
    ("data", "base"): ["+data._target_=sr.data.photos.Photos"],
    ("data", "paired"): ["data.hr=high", "data.lr=low"],
    ("losses", "pixel"): ["system=pixel"],
    ("losses", "pixel_luma"): ["system=pixel"],
}


@pytest.fixture(autouse=True)
def hydra(tmp_path, monkeypatch):
    register()
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv(CLAIMED, str(tmp_path))  # so that composing a sweep makes no folder of one here
    with initialize_config_dir(CONF, version_base="1.3"):
        yield
    GlobalHydra.instance().clear()


def composed(overrides: list[str], folder: Path) -> DictConfig:
    config = compose("train", overrides=overrides, return_hydra_config=True)
    HydraConfig.instance().set_config(OmegaConf.merge(config, {"hydra": {"runtime": {"output_dir": str(folder)}}}))
    with read_write(config), open_dict(config):
        del config["hydra"]
    return config


def build(config: DictConfig) -> None:
    """All that sr.train instantiates."""
    validate(config)
    validate_definitions(config)
    instantiate(config.system)
    instantiate(config.data)
    callbacks = instantiate(config.callbacks)
    loggers = [instantiate(logger) for logger in config.logger.values()]
    instantiate(config.trainer, callbacks=list(callbacks.values()), logger=loggers)


@pytest.mark.parametrize("option", [option for group, option in GROUPS if group == "metrics" and option != "bands"])
def test_every_metric_serves_evaluations(option, monkeypatch):
    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", offline)
    config = compose("evaluate", overrides=[f"metrics={option}"])
    validate(config, EvaluateConfig)
    metrics, notes = load_metrics(config)
    assert set(config.metrics) - set(metrics) == {"lpips", "dists"} & set(config.metrics)
    assert len(notes) == len(config.metrics) - len(metrics)
    for name, metric in metrics.items():
        assert metric.protocol, name
    titles = [column.title for column in columns_of(metrics).values()]
    assert titles == [metric.title for metric in metrics.values()]  # no two are the same


ONE_TASK = {"SLURM_JOB_ID": "1", "SLURM_NTASKS": "1", "SLURM_NTASKS_PER_NODE": "1", "SLURM_NNODES": "1",
            "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0"}  # fmt: skip


@pytest.mark.parametrize(("group", "option"), GROUPS, ids=lambda part: part)
def test_every_file_composes_and_instantiates(group, option, tmp_path, monkeypatch):
    overrides = [f"{group}={option}", *NEEDED.get((group, option), [])]
    if (group, option) == ("trainer", "slurm"):
        for name, value in ONE_TASK.items():
            monkeypatch.setenv(name, value)
    if (group, option) == ("metrics", "full"):
        overrides += ["~metrics.lpips", "~metrics.dists"]  # whose weights come from the network
    config = composed(overrides, tmp_path)
    if group == "experiment" and OmegaConf.is_missing(config.data, "root"):
        config = composed([*overrides, "data.root=somewhere"], tmp_path)
    if (group, option) == ("trainer", "gpu") and not torch.cuda.is_available():
        with pytest.raises(InstantiationException, match="No supported gpu backend found"):
            build(config)
        return
    if "vgg19" in str(config.losses) or "DISTS" in str(config.losses):
        fake_vgg(monkeypatch)
    build(config)


def fake_vgg(monkeypatch) -> None:
    """VGG-16 and 19, all zero, as if from torchvision: what composes here must not depend on the network."""
    import torch

    from sr.backbones.vgg import vgg_layers

    def load(url: str, **_) -> dict[str, torch.Tensor]:
        layers = vgg_layers([2, 2, 4, 4, 4] if "vgg19" in url else [2, 2, 3, 3, 3], [])
        state, n_in = {}, 3
        for i, name in enumerate(name for name, (kind, *_) in layers if kind == "conv"):
            n_out = min(64 * 2 ** (int(name[4]) - 1), 512)
            state |= {f"features.{i}.weight": torch.zeros(n_out, n_in, 3, 3), f"features.{i}.bias": torch.zeros(n_out)}
            n_in = n_out
        return state

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", load)


@pytest.mark.parametrize(
    ("group", "option"), [(group, option) for group, option in GROUPS if group in PACKAGES and option != "base"]
)
def test_a_config_group_is_a_package_and_a_file_a_module(group, option):
    target = compose("train", overrides=[f"{group}={option}"])[group]["_target_"]
    package, name = target.rsplit(".", 1)
    module = getattr(importlib.import_module(package), name).__module__
    assert module.rpartition(".")[0] == f"sr.{PACKAGES[group]}"
    if not target.startswith("sr.degradations.") or target.endswith("Bicubic"):  # whose files are lists of operators
        assert option.split("_")[0] == module.rpartition(".")[2]  # vgg_small is a smaller sr/discriminators/vgg.py


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_says_what_to_expect(name):
    text = (Path(CONF) / "experiment" / f"{name}.yaml").read_text()
    header = text.split("\nname:")[0]
    for word in (f"experiment={name}", "Hardware:", "Time:", "Expected:"):
        assert word in header, f"{name}: its header does not say {word}"


@pytest.mark.parametrize("name", [name for group, name in GROUPS if group == "sweep"])
def test_every_sweep_composes_each_of_its_values(name, tmp_path):
    config = compose("train", overrides=[f"sweep={name}"], return_hydra_config=True)
    assert config.hydra.mode == RunMode.MULTIRUN
    assert f"python -m sr.train sweep={name} " in (Path(CONF) / "sweep" / f"{name}.yaml").read_text()
    for option, values in config.hydra.sweeper.params.items():
        for value in str(values).split(","):
            validate(composed([f"{option}={value}", *NEEDED.get((option, value), [])], tmp_path))


def test_the_recipes_sweep_takes_the_data_of_its_experiment():
    """Before there is a job, from which its folder has its name."""
    sweep, job = (
        compose("train", overrides=[f"{group}=recipe", "data.root=somewhere"]) for group in ("sweep", "experiment")
    )
    for option in ("name", "data._target_", "data.root"):
        assert OmegaConf.select(sweep, option) == OmegaConf.select(job, option)


def test_what_an_agent_of_wandb_would_call(tmp_path):
    from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

    sweep = OmegaConf.to_container(OmegaConf.load(Path(CONF).parent / "docs" / "wandb_sweep.yaml"), resolve=False)
    *command, last = sweep["command"]
    assert (command[:3], last) == (["python", "-m", "sr.train"], "${args_no_hyphens}")
    for choose in (lambda given: given[0], lambda given: given[-1]):
        args = {option: {"value": choose(of.get("values") or [of["min"], of["max"]])}
                for option, of in sweep["parameters"].items()}  # fmt: skip
        overrides = command[3:] + create_sweep_command_args({"args": args})["args_no_hyphens"]
        config = composed(overrides, tmp_path)
        validate(config)
        for option, of in args.items():
            if option != "generator":
                assert OmegaConf.select(config, option) == of["value"]
        assert sweep["metric"]["name"].removeprefix("val/") in config.metrics
        assert "wandb" in config.logger


def test_the_clock_ends_a_run_that_has_minutes(tmp_path):
    assert composed(["steps.pixel=20", "steps.adversarial=10"], tmp_path).trainer.max_steps == 30
    clocked = composed(["steps.minutes=2.5", "steps.pixel=20"], tmp_path)
    assert (clocked.trainer.max_steps, clocked.callbacks.clock.minutes) == (ENDLESS, 2.5)
    with pytest.raises(UserError, match=r"steps.minutes=0.0: a number of more than 0 is needed"):
        validate(composed(["steps.minutes=0"], tmp_path))
    assert composed(["steps.minutes=2.5", "steps.clock=processor"], tmp_path).callbacks.clock.counts == "processor"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("unknown=1", "unknown"),
        ("system.unknown=1", "unknown"),
        ("steps.pixels=1", "pixels"),
        ("scale=2.5", "scale"),
        ("scale=abc", "scale"),
        ("generator=nosuch", "nosuch"),
    ],
)
def test_what_is_unknown_or_of_the_wrong_type_is_refused(override, message):
    with pytest.raises((ConfigCompositionException, OmegaConfBaseException), match=message):
        compose("train", overrides=[override])


@pytest.mark.parametrize("override", ["scale=0", "channels=-1", "steps.pixel=-5", "steps.clock=sun"])
def test_what_is_out_of_range_is_refused(override, tmp_path):
    with pytest.raises(UserError, match=override):
        validate(composed([override], tmp_path))


@pytest.mark.parametrize("key", ["unknown", "steps.unknown"])
def test_what_is_added_is_refused(key, tmp_path):
    with pytest.raises(UserError, match=f"unknown key {key}"):
        validate(composed([f"+{key}=1"], tmp_path))


TV = ["+losses.content.terms.tv._target_=sr.losses.TotalVariation", "+losses.content.weights.tv=1e-3"]


MIXED = [option for group, option in GROUPS if group == "losses" and not option.startswith("pixel")]


@pytest.mark.parametrize("losses", MIXED)
def test_a_term_is_added_to_any_losses_from_the_command_line(losses, tmp_path, monkeypatch):
    fake_vgg(monkeypatch)
    config = composed([f"losses={losses}", *TV], tmp_path)
    validate(config)
    content = instantiate(config.losses.content)
    assert isinstance(content.terms["tv"], TotalVariation)
    assert content.weights["tv"] == 1e-3
    others = [name for name in content.terms if name != "tv"]
    assert len(others) >= 2
    less = [*TV, f"losses.content.terms.{others[-1]}=null", f"~losses.content.weights.{others[-1]}"]
    content = instantiate(composed([f"losses={losses}", *less], tmp_path).losses.content)
    assert set(content.terms) == {*others[:-1], "tv"}


def test_a_term_added_without_a_weight_is_told(tmp_path):
    config = composed(TV[:1], tmp_path)
    with pytest.raises(Exception, match=r"losses .*tv.* and weights .* differ; give every loss one weight"):
        instantiate(config.losses.content)


@pytest.mark.parametrize("losses", ["srgan", "esrgan", "realesrgan", "ldl", "sed"])
def test_the_papers_losses_run_offline_as_their_headers_say(losses, tmp_path):
    """Of the same terms and weights, on layers of the same depth."""
    text = (Path(CONF) / "losses" / f"{losses}.yaml").read_text()
    header = " ".join(line.strip("# ") for line in text.splitlines() if line.startswith("#"))
    options = [f"losses={losses}", *header.split("Offline: ")[1].split()]
    offline = composed(options[1:] if options[1].startswith("losses=") else options, tmp_path).losses
    published = composed(options[:1], tmp_path).losses
    content = instantiate(offline.content)
    assert content.weights == published.content.weights
    assert (offline.adversarial_weight, offline.adversarial) == (published.adversarial_weight, published.adversarial)
    layers = [{name[:5]: weight for name, weight in losses.content.terms.perceptual.layers.items()}
              for losses in (offline, published)]  # fmt: skip
    assert layers[0] == layers[1]


def test_an_unknown_argument_of_a_part_is_refused(tmp_path):
    config = composed(["+generator.depht=3"], tmp_path)
    with pytest.raises(Exception, match="depht"):
        instantiate(config.generator)


@pytest.mark.parametrize(
    "target", ["os.system", "pytorch_lightning.cli.instantiate_class", "sr.atomic.write_text", "sr.job.os.system"]
)
def test_configs_may_not_call_just_anything(target, tmp_path):
    with pytest.raises(UserError, match=rf"_target_: {target} is refused; .*sr\.losses\.\*.* named in allow="):
        validate(composed([f"+system.content.terms.odd._target_={target}"], tmp_path))


@pytest.mark.parametrize("target", ["sr.data.photos.Path.unlink", "torch.optim.adam.cast"])
def test_nor_what_a_module_of_ours_imports(target, tmp_path):
    config = composed([f"+system.content.terms.odd._target_={target}"], tmp_path)
    validate(config)
    with pytest.raises(UserError, match=rf"_target_: {target} is refused"):
        validate_definitions(config)


@pytest.mark.parametrize("experiment", sorted(path.stem for path in Path(CONF, "experiment").glob("*.yaml")))
def test_all_that_experiments_call_is_defined_where_it_may_come_from(experiment, tmp_path):
    validate_definitions(composed([f"experiment={experiment}", "metrics=full"], tmp_path))


@pytest.mark.parametrize("target", ["mine.Loss", "mine.deep.Loss"])
def test_packages_of_ones_own_may_be_called_where_they_are_named(target, tmp_path):
    own = f"losses.adversarial._target_={target}"
    validate(composed([own, "allow=[other,mine]"], tmp_path))
    for allow in ("[]", "[min]", "[other]", "[mine.other]"):
        with pytest.raises(UserError, match="refused"):
            validate(composed([own, f"allow={allow}"], tmp_path))


def test_evaluations_may_call_them_too():
    own = ["metrics=fidelity", "+metrics.own._target_=mine.Metric"]
    validate(compose("evaluate", overrides=[*own, "allow=[mine]"]), EvaluateConfig)
    with pytest.raises(UserError, match=r"mine\.Metric is refused"):
        validate(compose("evaluate", overrides=own), EvaluateConfig)


@pytest.mark.parametrize("name", ["''", "3d", "my-package", "mine.", "class", "mine/loss.py"])
def test_what_is_no_module_name_cannot_be_allowed(name, tmp_path):
    with pytest.raises(UserError, match=r"allow=\[.*give names of Python packages"):
        validate(composed([f"allow=[{name}]"], tmp_path))
    with pytest.raises(UserError, match=r"allow=\[.*give names of Python packages"):
        validate(compose("evaluate", overrides=[f"allow=[{name}]"]), EvaluateConfig)


def test_a_generator_of_ones_own_is_refused_before_anything_is_trained(tmp_path):
    with pytest.raises(UserError, match=r"mine\.Net is refused; .*cannot be saved as weights yet"):
        validate(composed(["generator._target_=mine.Net", "allow=[mine]"], tmp_path))


def test_given_weights_leave_out_the_pixel_phase(tmp_path):
    assert composed(["experiment=srgan"], tmp_path).steps.pixel > 0
    given = composed(["experiment=srgan", "init_from=weights.safetensors"], tmp_path)
    assert given.steps.pixel == 0
    assert given.trainer.max_steps == given.steps.adversarial


def test_what_data_modules_take_by_default_is_what_conf_gives_them(monkeypatch):
    monkeypatch.delenv("SR_CACHE", raising=False)
    monkeypatch.delenv("SR_BENCHMARKS", raising=False)
    given = compose("train", overrides=["data=folder", "data.root=somewhere"]).data
    defaults = {
        name: parameter.default
        for module in (CropData, Folder)
        for name, parameter in inspect.signature(module).parameters.items()
        if parameter.default is not parameter.empty
    }
    assert {name: given[name] for name in defaults} == defaults


def test_run_folders(tmp_path):
    fresh = run_folder(str(tmp_path), "a", None)
    assert Path(fresh).parent == tmp_path / "a"
    assert Path(run_folder(str(tmp_path), "a", "auto")).parent == tmp_path / "a"  # none to resume: a new one
    for time in ("2026-01-02", "2026-01-03"):
        (tmp_path / "a" / time / "checkpoints").mkdir(parents=True)
        (tmp_path / "a" / time / "checkpoints" / "last.ckpt").touch()
    (tmp_path / "a" / "2026-01-04").mkdir()
    assert run_folder(str(tmp_path), "a", "auto") == str(tmp_path / "a" / "2026-01-03")
    assert run_folder(str(tmp_path), "a", str(tmp_path / "a" / "2026-01-02")).endswith("2026-01-02")
    with pytest.raises(UserError, match=r"no checkpoints/last\.ckpt"):
        run_folder(str(tmp_path), "a", str(tmp_path))


def test_the_folder_of_a_job_is_found_again(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "mine")
    monkeypatch.setenv("WORLD_SIZE", "2")
    mine = tmp_path / "a" / "job-mine"
    assert run_folder(str(tmp_path), "a", None) == run_folder(str(tmp_path), "a", "job") == str(mine)
    (mine / "checkpoints").mkdir(parents=True)
    (mine / "checkpoints" / "last.ckpt").touch()
    assert run_folder(str(tmp_path), "a", "auto") == run_folder(str(tmp_path), "a", "job") == str(mine)
    with pytest.raises(UserError, match=r"has begun .*job-mine already; resume=job goes on"):
        run_folder(str(tmp_path), "a", None)


def test_the_commands_of_the_page_on_processes_are_understood(tmp_path, monkeypatch):
    for name, value in ONE_TASK.items():
        monkeypatch.setenv(name, value)
    page = (Path(__file__).resolve().parents[1] / "docs" / "scale.md").read_text()
    commands = re.findall(r"-m sr\.train (?:-m )?(.*?)(?: #.*)?$", page, re.MULTILINE)
    assert len(commands) == 6
    for command in commands:
        options = [option for option in command.split() if option != "seed=1,2" and not option.startswith("resume=")]
        config = composed(options, tmp_path)
        assert config.trainer.devices in (1, 2, "auto")
    for option in re.findall(r"`(callbacks\.[\w.]+)", page):
        assert OmegaConf.select(composed([], tmp_path), option) is not None
    assert (Path(CONF) / "generator" / "rrdb_small.yaml").exists()
