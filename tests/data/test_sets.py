"""What a set is: names, folders, lists, databases, and the layouts in which people keep them."""

import numpy as np
import pytest
import torch

from sr.data.folder import Folder
from sr.data.sets import open_set
from sr.errors import MissingError, UserError
from sr.image.resize import imresize_uint8
from tests import pictures as formats

from .layouts import COUNT, LAYOUTS, lay
from .test_images import lr_of, tensor


@pytest.fixture
def root(tmp_path, make):
    make(tmp_path / "SetA" / "HR_x4", "img_001.png img_002.png", (40, 48))
    make(tmp_path / "SetA" / "LR_x4", "img_001.png img_002.png", (10, 12))
    make(tmp_path / "SetA" / "HR_x2", "img_001.png", (40, 48))
    make(tmp_path / "SetB" / "HR_x4", "img_001.png", (40, 48))
    return tmp_path


@pytest.mark.parametrize("name", ["SetA", "seta", "SETA"])
def test_a_set_is_found_by_its_name_in_any_case(root, name):
    images = open_set(name, root, 4)
    assert images.name == "SetA"
    assert images.names == ["img_001", "img_002"]
    assert np.array_equal(images[1]["lr"], tensor(formats.read(root / "SetA" / "LR_x4" / "img_002.png")))


def test_without_lr_files_lr_is_made(root):
    item = open_set("SetA", root, 2)[0]
    assert torch.equal(lr_of(item, 2), imresize_uint8(item["hr"], 1 / 2))


def test_a_missing_lr_file_is_named(root):
    (root / "SetA" / "LR_x4" / "img_002.png").unlink()
    with pytest.raises(MissingError, match=r"LR_x4/img_002\.png: no such file"):
        open_set("SetA", root, 4)[1]


def test_what_is_not_there_is_said_with_what_is(root):
    with pytest.raises(
        FileNotFoundError, match=r"set5: no such folder, and no folder of benchmark sets .* SR_BENCHMARKS"
    ):
        open_set("set5", None, 4)
    with pytest.raises(FileNotFoundError, match=r"set5: no such folder, and not in .*\['SetA', 'SetB'\]"):
        open_set("set5", root, 4)
    with pytest.raises(FileNotFoundError, match=r"SetA has no HR_x3; it has \['HR_x2', 'HR_x4'\]"):
        open_set("seta", root, 3)
    with pytest.raises(FileNotFoundError, match=r"set5: no such folder, and not in .*elsewhere, which holds \[\]"):
        open_set("set5", root / "elsewhere", 4)


def test_a_set_may_be_given_as_its_folder(root):
    images = open_set(str(root / "SetA"), None, 4)
    assert images.name == "SetA"
    assert np.array_equal(images[1]["lr"], tensor(formats.read(root / "SetA" / "LR_x4" / "img_002.png")))


def test_a_folder_of_pictures_is_a_set(tmp_path, make):
    make(tmp_path / "mine", "b.png a.png sub/c.png", (41, 47))
    images = open_set(str(tmp_path / "mine"), None, 4)
    assert (images.name, images.names) == ("mine", ["a", "b", "c"])
    assert torch.equal(lr_of(images[0]), imresize_uint8(images[0]["hr"], 1 / 4))


@pytest.mark.parametrize(
    ("hr", "lr"), [("HR", "LR"), ("hr", "lr"), ("Hr", "LR"), ("hr_X4", "lr_x4"), ("HR_x4", "LR_X4")]
)
def test_a_folder_of_hr_and_lr_is_a_set(tmp_path, make, hr, lr):
    made = make(tmp_path / "mine" / hr, "a.png b.png"), make(tmp_path / "mine" / lr, "ax4.png b_x4.png", (10, 12))
    images = open_set(str(tmp_path / "mine"), None, 4)
    assert (images.name, images.names) == ("mine", ["a", "b"])
    for item, hr_pixels, lr_pixels in zip(images, *made, strict=True):
        assert torch.equal(item["hr"], tensor(hr_pixels))
        assert torch.equal(item["lr"], tensor(lr_pixels))


def test_images_of_this_very_scale_come_first(tmp_path, make):
    make(tmp_path / "HR", "of_any_scale.png")
    make(tmp_path / "HR_x4", "of_four.png")
    assert open_set(str(tmp_path), None, 4).names == ["of_four"]
    assert open_set(str(tmp_path), None, 2).names == ["of_any_scale"]


def test_two_folders_are_a_set(tmp_path, make, monkeypatch):
    hr = make(tmp_path / "photos", "x/a.png y/a.png", (40, 48))
    lr = make(tmp_path / "small", "y/a.jpg x/ax4.png", (10, 12))
    images = open_set({"hr": str(tmp_path / "photos"), "lr": str(tmp_path / "small")}, None, 4)
    assert images.name == "photos"
    assert torch.equal(images[0]["hr"], tensor(hr[0]))
    assert torch.equal(images[0]["lr"], tensor(lr[1]))
    assert images.lr[1] == (tmp_path / "small" / "y" / "a.jpg", 0)
    monkeypatch.chdir(tmp_path / "photos")
    assert open_set({"hr": ".", "lr": "../small"}, None, 4).name == "photos"


@pytest.mark.parametrize("which", [{"hr": "x"}, {"lr": "x"}, {"hr": "x", "lr": "x", "scale": 4}, {}], ids=str)
def test_anything_else_is_no_set(which):
    with pytest.raises(UserError, match=r"a set is a name, a folder or \{hr: DIR, lr: DIR\}, not "):
        open_set(which, None, 4)


def test_a_missing_folder_of_two_is_named(tmp_path, make):
    make(tmp_path / "hr", "a.png")
    for which in ({"hr": "hr", "lr": "nosuch"}, {"hr": "nosuch", "lr": "hr"}):
        folders = {side: str(tmp_path / name) for side, name in which.items()}
        with pytest.raises(UserError, match="nosuch is not a folder"):
            open_set(folders, None, 4)


def test_a_folder_without_pictures_is_refused(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UserError, match="holds no image"):
        open_set(str(tmp_path), None, 4)


def test_a_missing_partner_is_named_when_it_is_read(tmp_path, make):
    make(tmp_path / "hr", "x/a.png x/b.png")
    make(tmp_path / "lr", "x/a.png", (10, 12))
    images = open_set({"hr": str(tmp_path / "hr"), "lr": str(tmp_path / "lr")}, None, 4)
    assert images[0]["lr"].shape == (3, 10, 12)
    with pytest.raises(MissingError, match=r"lr/x/b\.png: no such file"):
        images[1]


def test_the_very_name_is_preferred_where_several_would_be_partners(tmp_path, make):
    hr = make(tmp_path / "HR", "a.jpg a.png a_x4.png", (40, 48))
    lr = make(tmp_path / "LR", "a.jpg a.png a_x4.png", (10, 12))
    images = open_set(str(tmp_path), None, 4)
    assert (
        [path.name for path, _ in images.lr] == [path.name for path in images.files] == ["a.jpg", "a.png", "a_x4.png"]
    )
    assert torch.equal(images[1]["hr"], tensor(hr[1]))
    assert torch.equal(images[1]["lr"], tensor(lr[1]))


@pytest.mark.parametrize(
    ("name", "scale", "count"), [("Set5", 2, 5), ("Set5", 4, 5), ("Set14", 2, 14), ("Set14", 4, 14)]
)
def test_the_real_sets_have_the_images_that_they_should(benchmarks, name, scale, count):
    images = open_set(name.lower(), benchmarks, scale)
    assert len(images) == count
    assert images.names == [f"img_{i:03d}" for i in range(1, count + 1)]
    assert images[0]["hr"].shape[0] == 3


def test_set14_has_one_gray_image(benchmarks):
    channels = [item["hr"].shape[0] for item in open_set("Set14", benchmarks, 4, channels=None)]
    assert channels.count(1) == 1
    assert channels[2] == 1


# --- layouts ----------------------------------------------------------------------------------------------------------


def pairs_of(images) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(item["hr"].permute(1, 2, 0).numpy(), item["lr"].permute(1, 2, 0).numpy()) for item in images]


@pytest.fixture
def module(tmp_path):
    """A data module on a folder, without workers."""

    def module(root, **changes) -> Folder:
        options = {"scale": 4, "crop_px": 16, "batch_size": 4, "workers": 0, "cache": str(tmp_path / "cache")}
        return Folder(root, **(options | changes))

    return module


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_published_layout_is_read_for_evaluation_training_and_validation_alike(
    tmp_path, make, module, layout, capsys
):
    folder = tmp_path / "Set"
    made = lay(folder, layout, make)
    images = open_set(str(folder), None, 4)
    assert images.name == "Set"
    for (hr, lr), pixels in zip(pairs_of(images), made, strict=True):
        assert np.array_equal(hr, pixels)
        assert np.array_equal(lr, pixels[::4, ::4])

    data = module(str(folder), held_out_images=2, augment=False)
    data.setup("fit")
    assert (len(data.crops.hr), len(data.validation)) == (COUNT - 2, 2)
    for n in range(8):
        assert torch.equal(data.crops[n]["hr"][:, ::4, ::4], data.crops[n]["lr"])
    assert "skipped" not in capsys.readouterr().err

    by_val = module(str(folder), val=str(folder))
    assert_same(by_val, images)


def assert_same(data, images):
    """Validation on a set, and the table of a run's end, show what an evaluation of it shows."""
    data.setup("fit")
    (shown_at_the_end,) = data.images(data.val[0])
    for shown in (data.validation, shown_at_the_end):
        for ours, theirs in zip(shown, images, strict=True):
            assert ours["name"] == theirs["name"]
            assert torch.equal(ours["hr"], theirs["hr"])
            assert torch.equal(ours["lr"], theirs["lr"])


@pytest.mark.parametrize("scale", [2, 3])
def test_lr_of_another_scale_is_not_taken(tmp_path, make, scale, capsys):
    lay(tmp_path / "Set", "EDSR", make)
    images = open_set(str(tmp_path / "Set"), None, scale)
    assert (images.lr is None) == (scale == 3)
    assert ("no LR images of scale 3, but of [2, 4]" in capsys.readouterr().err) == (scale == 3)


def test_the_two_kinds_of_lr_of_div2k_are_a_question(tmp_path, make):
    lay(tmp_path / "Set", "DIV2K", make)
    make(tmp_path / "Set", " ".join(f"DIV2K_train_LR_unknown/X4/{i:04}x4.png" for i in range(COUNT)), (10, 12))
    with pytest.raises(UserError, match=r"0000.png has an LR image in each of .*bicubic/X4, .*unknown/X4: which is"):
        open_set(str(tmp_path / "Set"), None, 4)


def test_train_and_valid_of_div2k_keep_their_own_partners(tmp_path, make):
    for part in ("train", "valid"):
        hr = make(tmp_path / "D" / f"DIV2K_{part}_HR", "0001.png 0002.png")
        for name, pixels in zip(("0001x4", "0002x4"), hr, strict=True):
            shown = np.ascontiguousarray(pixels[::4, ::4]) // (2 if part == "valid" else 1)
            formats.write(tmp_path / "D" / f"DIV2K_{part}_LR_bicubic" / "X4" / f"{name}.png", shown)
    for path, (_, lr) in zip((i for i, _ in open_set(str(tmp_path / "D"), None, 4).hr),
                             pairs_of(open_set(str(tmp_path / "D"), None, 4)), strict=True):  # fmt: skip
        assert np.array_equal(lr, formats.read(path)[::4, ::4] // (2 if "valid" in path.parts[-2] else 1))


@pytest.mark.parametrize(
    "names", [("big/{}.png", "small/{}.png"), ("{}.png", "{}x4.png"), ("GT/{}.png", "input/{}.png")]
)
def test_sizes_mixed_like_pairs_are_a_question(tmp_path, make, names):
    make(tmp_path / "Set", " ".join(names[0].format(i) for i in range(3)), (40, 48))
    make(tmp_path / "Set", " ".join(names[1].format(i) for i in range(3)), (10, 12))
    with pytest.raises(UserError, match=r"mixes sizes as pairs do: .* is 4 times smaller than .* Are they LR and HR\?"):
        open_set(str(tmp_path / "Set"), None, 4)


def test_pictures_of_one_name_in_several_folders_are_no_pairs(tmp_path, make):
    make(tmp_path / "Set", "x/a.png y/a.png x/b.png", (40, 48))
    make(tmp_path / "Set", "y/b.png", (39, 12))
    assert len(open_set(str(tmp_path / "Set"), None, 4)) == 4


def test_words_in_the_names_of_a_few_photographs_hide_none_of_them(tmp_path, make):
    make(tmp_path / "Set", "lr/x.png gt_3.png scan_HR.png a.png b.png c_x4.png hr.png")
    with pytest.raises(UserError, match=r"holds LR images \(lr/x\.png\) and none that says HR"):
        open_set(str(tmp_path / "Set"), None, 4)
    (tmp_path / "Set" / "lr" / "x.png").unlink()
    assert len(open_set(str(tmp_path / "Set"), None, 4)) == 6
    make(tmp_path / "Set", "gt/y.png")
    with pytest.raises(UserError, match=r"holds 1 HR images \(gt/y.png\) and 6 that say neither HR nor LR"):
        open_set(str(tmp_path / "Set"), None, 4)


# --- lists and databases ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "lines"),
    [
        ("meta_info.txt", ["HR/{}.png", ""]),
        ("meta_info/train.txt", ["HR/{}.png"]),
        ("list.txt", ["HR/{}.png, LR/{}.png"]),
    ],
)
def test_a_list_names_the_images(tmp_path, make, at, lines):
    made = make(tmp_path, " ".join(f"HR/{i}.png" for i in range(4)))
    make(tmp_path, " ".join(f"LR/{i}.png" for i in range(4)), (10, 12))
    (tmp_path / at).parent.mkdir(exist_ok=True)
    (tmp_path / at).write_text("\n".join(line.format(i, i) for i in (2, 0) for line in lines))
    images = open_set(str(tmp_path / at), None, 4)
    assert images.names == ["2", "0"]
    assert np.array_equal(images[0]["hr"].permute(1, 2, 0).numpy(), made[2])
    assert ("lr" in images[0]) == ("LR" in lines[0])


def test_a_list_of_basicsr_chooses_among_pairs(tmp_path, make, module):
    lay(tmp_path, "gt and lq", make)
    (tmp_path / "meta_info.txt").write_text("".join(f"{i}.png (480,480,3)\n" for i in (1, 3, 4)))
    which = {"hr": str(tmp_path / "gt"), "lr": str(tmp_path / "lq"), "meta_info": str(tmp_path / "meta_info.txt")}
    assert open_set(which, None, 4).names == ["1", "3", "4"]
    hr, lr = module(which, held_out_images=1).training()
    assert hr.names == lr.names == ["3.png", "4.png"]


def test_a_list_of_what_is_not_there_is_refused(tmp_path, make):
    make(tmp_path, "a.png")
    for text, said in (
        ("x.png\n", "x.png is neither in its folder nor in one above"),
        ("a.png\nb.png\n", "not there: .*b.png"),
        ("", "each line names an image"),
    ):
        (tmp_path / "list.txt").write_text(text)
        with pytest.raises(UserError, match=said):
            open_set(str(tmp_path / "list.txt"), None, 4)


@pytest.fixture
def databases(tmp_path, make):
    """Two LMDB as BasicSR's `scripts/data_preparation/create_lmdb.py` writes them; returns the HR images."""
    lmdb = pytest.importorskip("lmdb")
    made = lay(tmp_path / "files", "gt and lq", make)
    for side, folder in (("gt", "DIV2K_train_HR_sub.lmdb"), ("lq", "DIV2K_train_LR_bicubic_X4_sub.lmdb")):
        (tmp_path / "D" / folder).mkdir(parents=True)
        environment = lmdb.open(str(tmp_path / "D" / folder), map_size=1 << 20)
        with environment.begin(write=True) as transaction, open(tmp_path / "D" / folder / "meta_info.txt", "w") as text:
            for i in range(COUNT):
                transaction.put(f"{i:04}_s001".encode(), (tmp_path / "files" / side / f"{i}.png").read_bytes())
                text.write(f"{i:04}_s001.png (40,48,3) 1\n")
        environment.close()
    return made


@pytest.mark.parametrize("with_list", [True, False])
def test_databases_of_basicsr_train_and_score(tmp_path, databases, module, with_list):
    folders = [tmp_path / "D" / f"DIV2K_train_{side}_sub.lmdb" for side in ("HR", "LR_bicubic_X4")]
    if not with_list:
        for folder in folders:
            (folder / "meta_info.txt").unlink()
    for which in (str(tmp_path / "D"), {"hr": str(folders[0]), "lr": str(folders[1])}):
        images = open_set(which, None, 4)
        assert images.names == [f"{i:04}_s001" for i in range(COUNT)]
        for (hr, lr), pixels in zip(pairs_of(images), databases, strict=True):
            assert np.array_equal(hr, pixels)
            assert np.array_equal(lr, pixels[::4, ::4])
        data = module(which, held_out_images=2, augment=False)
        data.setup("fit")
        assert torch.equal(data.crops[5]["hr"][:, ::4, ::4], data.crops[5]["lr"])
    assert len(open_set(str(folders[0]), None, 4)) == COUNT
    with pytest.raises(MissingError, match=r"9999\.png: no such file"):
        formats.read(folders[0] / "9999.png")


# --- several ----------------------------------------------------------------------------------------------------------


def test_several_roots_are_trained_on_as_one(tmp_path, make, module, monkeypatch):
    lay(tmp_path / "DIV2K", "DIV2K", make)
    lay(tmp_path / "Flickr2K", "EDSR", make)
    monkeypatch.chdir(tmp_path)
    data = module(["DIV2K", str(tmp_path / "Flickr2K")], held_out_images=2, augment=False)
    data.setup("fit")
    assert len(data.crops.hr) == 2 * COUNT - 2
    assert {name.split("/")[0] for name in data.crops.hr.names} == {"DIV2K", "Flickr2K"}
    assert data.validation.name == "DIV2K+Flickr2K"
    assert torch.equal(data.crops[5]["hr"][:, ::4, ::4], data.crops[5]["lr"])


def test_roots_with_and_without_lr_are_refused_and_one_root_twice(tmp_path, make, module):
    lay(tmp_path / "DIV2K", "DIV2K", make)
    make(tmp_path / "photos", "a.png b.png")
    with pytest.raises(UserError, match="DIV2K comes with LR images and photos without"):
        module([str(tmp_path / "DIV2K"), str(tmp_path / "photos")]).found
    with pytest.raises(UserError, match="one folder twice: DIV2K, DIV2K"):
        module([str(tmp_path / "DIV2K")] * 2).found


def test_several_sets_are_validated_on_in_order(tmp_path, make, module):
    make(tmp_path / "mine", " ".join(f"{i}.png" for i in range(5)))
    for name in ("SetA", "SetB"):
        lay(tmp_path / name, "benchmark", make)
    data = module(str(tmp_path / "mine"), val=["seta", str(tmp_path / "SetB")], benchmarks=str(tmp_path))
    data.setup("fit")
    assert [images.name for images in data.validations] == ["SetA", "SetB"]
    assert len(data.crops.hr) == 5
    with pytest.raises(UserError, match=r"data\.val: two sets have one name"):
        module(str(tmp_path / "mine"), val=["seta", "SetA"], benchmarks=str(tmp_path)).setup("fit")


def test_images_that_are_trained_on_and_validated_on_are_told(tmp_path, make, module, capsys):
    make(tmp_path / "mine", "x/a.png x/b.png y/a.png y/c.png")
    module(str(tmp_path / "mine"), val=str(tmp_path / "mine" / "y")).setup("fit")
    assert "validation y: 2 of 2 images are trained on, too" in capsys.readouterr().err
    make(tmp_path / "others", "a.png")
    module(str(tmp_path / "mine"), val=str(tmp_path / "others")).setup("fit")
    assert capsys.readouterr().err == ""


def test_the_identity_of_a_set_is_that_of_its_files(tmp_path, make, module):
    def held() -> dict[str, str]:
        return module(str(tmp_path / "mine"), val=str(tmp_path / "SetA")).holds

    lay(tmp_path / "SetA", "benchmark", make)
    make(tmp_path / "mine", "a.png b.png")
    first = held()
    assert {name: text.rpartition(" ")[0] for name, text in first.items()} == {
        "training": "2 images", "validation SetA": f"{COUNT} pairs"}  # fmt: skip
    (tmp_path / "moved").mkdir()
    for name in ("mine", "SetA"):  # another place and other times are no other set
        (tmp_path / name).rename(tmp_path / "moved" / name)
        (tmp_path / name).symlink_to(tmp_path / "moved" / name)
    (tmp_path / "mine" / "a.png").touch()
    assert held() == first
    make(tmp_path / "mine", "a.png", (41, 48))
    changed = held()
    assert changed["training"] != first["training"]
    assert changed["validation SetA"] == first["validation SetA"]
    (tmp_path / "SetA" / "LR_x4" / "img_000.png").rename(tmp_path / "SetA" / "LR_x4" / "img_000x4.png")
    assert held()["validation SetA"] != first["validation SetA"]
