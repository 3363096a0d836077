import pytest
import torch

from sr.data.paired import Paired
from tests import pictures as formats


@pytest.fixture
def paired(tmp_path):
    def paired(**changes) -> Paired:
        options = {"scale": 4, "channels": 3, "crop_px": 16, "batch_size": 4, "seed": 0, "workers": 0}
        options |= {"hr": str(tmp_path / "hr"), "lr": str(tmp_path / "lr"), "cache": str(tmp_path / "cache")}
        return Paired(**(options | changes))

    return paired


@pytest.fixture
def write(tmp_path, make):
    """Write pairs of pictures in which lr = hr[::4, ::4]."""

    def write(hr: str, lr: str, size: tuple[int, int] = (40, 48)) -> None:
        made = make(tmp_path / "hr", hr, size)
        for name, pixels in zip(lr.split(), made, strict=True):
            height, width = size[0] // 4, size[1] // 4
            formats.write(tmp_path / "lr" / name, pixels[::4, ::4][:height, :width])

    return write


NAMES = " ".join(f"{i}.png" for i in range(8))


def test_crops_of_a_pair_cover_the_same_ground(paired, write):
    write(NAMES, NAMES)
    data = paired(augment=False)
    data.setup("fit")
    for n in range(20):
        item = data.crops[n]
        assert torch.equal(item["hr"][:, ::4, ::4], item["lr"])


def test_held_out_pairs_are_not_trained_on(paired, write):
    write(NAMES, NAMES)
    data = paired(held_out_images=3)
    hr, lr = data.training()
    held_out = data.held_out()
    assert hr.names == lr.names
    assert len(hr) == 5
    assert len(held_out) == 3
    assert not {f"{name}.png" for name in held_out.names} & set(hr.names)
    for item in held_out:
        assert torch.equal(item["hr"][:, ::4, ::4], item["lr"])


@pytest.mark.parametrize(
    ("hr", "lr"),
    [
        ("0001.png 0002.png", "0001x4.png 0002x4.png"),
        ("a.png b.png", "a_x4.png b_x4.png"),
        ("a.png b.png", "a.webp b.bmp"),
        ("a.png a1.png", "ax4.png a1x4.png"),  # which sort the other way round
        ("sub/a.png sub/b.png", "sub/ax4.png sub/bx4.png"),
        ("ax4.png bx4.png", "ax4.png bx4.png"),
        ("max4.png x4.png", "max4.png x4.png"),
    ],
)
def test_partners_are_found_by_name(paired, write, hr, lr):
    write(hr, lr)
    packed_hr, packed_lr = paired().pairs
    assert packed_hr.names == sorted(hr.split())
    for high, low in zip(packed_hr, packed_lr, strict=True):
        assert (high[::4, ::4] == low).all()


def test_hr_need_not_be_divisible_by_the_scale(paired, write):
    write(NAMES, NAMES, (42, 51))
    data = paired()
    data.setup("fit")
    assert len(data.crops.hr) == 4
    assert data.validation[0]["hr"].shape == (3, 40, 48)


def test_what_has_no_partner_is_named_and_left_out(paired, write, tmp_path, capsys):
    write("a.png b.png c.png", "a.png b.png c.png")
    (tmp_path / "lr" / "a.png").unlink()
    (tmp_path / "hr" / "b.png").unlink()
    hr, lr = paired().pairs
    assert hr.names == lr.names == ["c.png"]
    said = capsys.readouterr().err
    assert f"skipped {tmp_path}/hr/a.png: no image of that name in {tmp_path}/lr" in said
    assert f"skipped {tmp_path}/lr/b.png: no image of that name in {tmp_path}/hr" in said


def test_of_two_lr_images_for_one_hr_the_one_left_out_is_named(paired, write, tmp_path, capsys):
    write("a.png b.png", "a.png b.png")
    formats.write(tmp_path / "lr" / "ax4.png", formats.read(tmp_path / "lr" / "a.png"))
    paired().pairs
    assert "skipped" in capsys.readouterr().err


def test_a_pair_of_the_wrong_sizes_is_named_and_left_out(paired, write, make, tmp_path, capsys):
    write("a.png b.png", "a.png b.png")
    make(tmp_path / "lr", "a.png", (10, 13))
    hr, lr = paired().pairs
    assert hr.names == lr.names == ["b.png"]
    said = capsys.readouterr().err
    assert f"skipped {tmp_path}/lr/a.png: LR is 13x10, HR 48x40 at scale 4 needs 12x10" in said


def test_a_damaged_image_is_named_and_its_partner_left_out(paired, write, tmp_path, capsys):
    write("a.png b.png", "a.png b.png")
    (tmp_path / "lr" / "a.png").write_bytes(b"no image")
    hr, lr = paired().pairs
    assert hr.names == lr.names == ["b.png"]
    assert "lr/a.png: cannot be decoded" in capsys.readouterr().err


def test_no_pair_at_all_is_an_error(paired, write):
    write("a.png b.png", "c.png d.png")
    with pytest.raises(ValueError, match=r"no image of .*/hr has its partner in .*/lr; .* 4 times smaller"):
        paired().pairs


def test_too_few_pairs_are_refused(paired, write):
    write("a.png b.png", "a.png b.png")
    with pytest.raises(ValueError, match=r"2 images, 2 of which would be held out"):
        paired(held_out_images=2).setup("fit")
