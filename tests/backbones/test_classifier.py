import pytest
import torch

from sr.backbones import TorchvisionClassifier
from sr.errors import MissingError, UserError
from sr.losses import Semantic

torchvision = pytest.importorskip("torchvision")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """torchvision's own network with weights at random, and their file."""
    torch.manual_seed(0)
    network = torchvision.models.resnet18().eval()
    file = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.save(network.state_dict(), file)
    return network, file


def test_activations_are_those_of_torchvisions_network(made, sr):
    network, file = made
    inner = {}
    network.layer3.register_forward_hook(lambda module, inputs, output: inner.update(layer3=output))
    image = (sr - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    with torch.no_grad():
        logits = network(image)
        found = TorchvisionClassifier("resnet18", file)(sr, ["layer3", "logits"])
    assert found.keys() == {"layer3", "logits"}
    torch.testing.assert_close(found["layer3"], inner["layer3"])
    torch.testing.assert_close(found["logits"], logits)


def test_it_is_frozen_and_in_no_checkpoint_but_moves_with_the_loss(made, sr, hr):
    loss = Semantic(TorchvisionClassifier("resnet18", made[1]), {"layer3": 1.0}, logits=0.1)
    assert not loss.state_dict()
    assert not list(loss.parameters())
    image = sr.double().requires_grad_()
    loss.double().train()(image, hr.double()).backward()
    assert image.grad.abs().sum() > 0
    assert loss(hr.double(), hr.double()).item() == pytest.approx(0, abs=1e-6)


def test_what_cannot_be_had_is_told(made, tmp_path):
    with pytest.raises(UserError, match=r"no classifier named nosuch.*resnet18"):
        TorchvisionClassifier("nosuch")
    with pytest.raises(UserError, match="not torchvision's resnet34"):
        TorchvisionClassifier("resnet34", made[1])
    with pytest.raises(MissingError, match="cannot be read"):
        TorchvisionClassifier("resnet18", tmp_path / "nothing.pth")
    with pytest.raises(UserError, match=r"no layer named \['layer9'\]"):
        TorchvisionClassifier("resnet18", made[1])(torch.rand(1, 3, 32, 32), ["layer9"])
