import zipfile

import pytest
import torch

from sr.weights.reading import UnusableWeights, unpickled


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("archive", [True, False])
def test_pickles_of_every_protocol(tmp_path, protocol, archive):
    file, state = tmp_path / "a.pth", {"a": torch.rand(2, 3), "b": torch.nn.Parameter(torch.rand(2).half())}
    options = {"pickle_protocol": protocol, "_use_new_zipfile_serialization": archive}
    torch.save({"params": state}, file, **options)
    found = unpickled(file)["params"]
    assert all(torch.equal(found[key], value) for key, value in state.items())
    torch.save({"params": state, "loss": torch.nn.L1Loss()}, file, **options)
    with pytest.raises(UnusableWeights, match=r"safely \(it names torch\.nn\.\S+, which is no tensor\)"):
        unpickled(file)


def test_a_dict_of_the_typing_module(tmp_path):
    """Some of the community's files hold one, and spandrel reads them."""
    torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / "a.pth")
    with zipfile.ZipFile(tmp_path / "a.pth") as archive, zipfile.ZipFile(tmp_path / "b.pth", "w") as other:
        for part in archive.infolist():
            other.writestr(part, archive.read(part).replace(b"ccollections\nOrderedDict", b"ctyping\nOrderedDict"))
    assert (tmp_path / "a.pth").read_bytes() != (tmp_path / "b.pth").read_bytes()
    assert list(unpickled(tmp_path / "b.pth")) == ["weight", "bias"]


def test_a_program_is_not_run_as_a_pickle(tmp_path):
    torch.jit.save(torch.jit.script(torch.nn.Flatten()), tmp_path / "a.pth")
    with pytest.raises(UnusableWeights, match="it is a program of TorchScript's"):
        unpickled(tmp_path / "a.pth")
