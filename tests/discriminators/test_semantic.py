import pytest
import torch
import torch.nn as nn

from sr.backbones import efficientnet_lite
from sr.discriminators import SemanticDiscriminator
from sr.discriminators.semantic import Attention, Fusion
from sr.errors import UserError


@pytest.fixture(scope="module")
def backbone():
    return efficientnet_lite(deepest="stage5")


@pytest.fixture
def discriminator(backbone):
    torch.manual_seed(0)
    return SemanticDiscriminator(backbone, width=4).eval()


class Clip(nn.Module):
    """The size of the paper's classifier: layer3 of CLIP's ResNet-50 has 1024 features."""

    names, channels, strides = ["layer3"], {"layer3": 1024}, {"layer3": 16}


def test_parameters_are_those_of_the_official_network():
    """Counted from models/sed.py and models/module_attention.py of lbc12345/SeD with semantic_dim 1024."""

    def fusion(n_image: int, up: int, kernel: int) -> int:
        n_out = 1024 // up**2
        ends = 2 * 1024 + (1024 * 64 + 64) + (n_image * 64 + 64) + (64 * 1024 + 1024) + n_out**2 * kernel**2 + n_out
        attention = 2 * (4 * 64 * 64 + 64)
        return ends + attention + 3 * 2 * 64 + (64 * 512 + 512) + (256 * 64 + 64)

    def conv(n_in: int, n_out: int, kernel: int) -> int:
        return n_in * n_out * kernel**2 + n_out

    expected = conv(3, 64, 4) + conv(512, 1, 4)
    for n_in, n_out, up, kernel in ((64, 128, 4, 3), (128, 256, 2, 3), (256, 512, 2, 4)):
        expected += conv(n_in, n_out, 4) + fusion(n_out, up, kernel) + conv(n_out + 1024 // up**2, n_out, 3)
    discriminator = SemanticDiscriminator(Clip(), "layer3")
    assert sum(parameter.numel() for parameter in discriminator.parameters()) == expected


def test_the_classifier_is_neither_trained_nor_saved(discriminator):
    assert discriminator.backbone.stem_weight.numel() > 0
    assert not any("backbone" in name for name, _ in discriminator.named_parameters())
    assert not any("backbone" in name for name in discriminator.state_dict())


@pytest.mark.parametrize(("residual", "least"), [(True, 1e-2), (False, 1e-5)])
def test_the_answer_depends_on_the_real_image(backbone, residual, least, hr):
    torch.manual_seed(0)
    discriminator = SemanticDiscriminator(backbone, width=4, residual=residual).eval()
    for module in discriminator.fusions.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.reset_parameters()  # larger than it starts with
    logits = discriminator(hr, hr)
    assert (logits - discriminator(hr, 0.5 * hr.flip(1, 3))).abs().max() > least * logits.std()


def test_no_gradient_reaches_the_real_image(discriminator):
    image, hr = torch.rand(2, 1, 3, 64, 64)
    hr.requires_grad_()
    discriminator(image, hr).sum().backward()
    assert hr.grad is None


def test_the_classifier_looks_once_a_step_and_again_at_what_is_new(discriminator, monkeypatch):
    looks = []
    forward = discriminator.backbone.forward
    monkeypatch.setattr(discriminator.backbone, "forward", lambda *given: looks.append(1) or forward(*given))
    image, hr = torch.rand(2, 1, 3, 64, 64)
    first = discriminator(image, hr)
    discriminator(hr, hr)
    assert torch.equal(discriminator(image, hr=hr), first)
    assert len(looks) == 1
    assert torch.equal(discriminator(image, hr.clone()), first)
    assert len(looks) == 2
    discriminator(image, hr)
    assert len(looks) == 3
    hr.zero_()
    changed = discriminator(image, hr)
    assert len(looks) == 4
    assert torch.equal(changed, discriminator(image, torch.zeros_like(hr)))


def test_real_and_generated_images_may_come_as_one_batch(discriminator):
    sr, hr = torch.rand(2, 2, 3, 64, 64)
    both = discriminator(torch.cat([hr, sr]), hr)
    assert torch.allclose(both, torch.cat([discriminator(hr, hr), discriminator(sr, hr)]), atol=1e-6)


def test_what_was_seen_in_bf16_serves_in_full_precision(discriminator):
    image, hr = torch.rand(2, 1, 3, 64, 64)
    with torch.autocast("cpu", torch.bfloat16):
        discriminator(image, hr)
    assert discriminator(image, hr).dtype == torch.float32


def test_a_layer_of_stride_8_serves_as_well(backbone):
    assert SemanticDiscriminator(backbone, "stage3", width=4)(*torch.rand(2, 1, 3, 40, 64)).shape == (1, 1, 3, 6)


@pytest.mark.parametrize("size", [(24, 24), (25, 47), (64, 96), (71, 33)])
def test_any_crop_from_24_pixels_on(discriminator, size):
    logits = discriminator(*torch.rand(2, 1, 3, *size))
    assert logits.shape == (1, 1, size[0] // 8 - 2, size[1] // 8 - 2)


def test_attention_equals_torch_s_own():
    torch.manual_seed(0)
    attention = Attention(8)
    x, context = torch.rand(2, 5, 8), torch.rand(2, 7, 8)
    projected = attention.query(x), attention.key(context), attention.value(context)
    expected = attention.out(nn.functional.scaled_dot_product_attention(*projected))
    assert torch.allclose(attention(x, context), expected, atol=1e-6)
    assert torch.allclose(attention(x, None), attention(x, x))


def test_the_query_is_semantic_and_each_block_brings_it_to_the_image_s_size():
    torch.manual_seed(0)
    fusion = Fusion(32, 6, up=4, kernel=3)
    assert fusion(torch.rand(1, 32, 4, 5), torch.rand(1, 6, 16, 20)).shape == (1, 2, 16, 20)
    assert fusion(torch.rand(1, 32, 4, 5), torch.rand(1, 6, 15, 18)).shape == (1, 2, 15, 18)
    semantic, image = torch.rand(1, 32, 4, 4), torch.rand(1, 6, 16, 16)
    turned = fusion(semantic, image.flip(2, 3))  # as values of an attention, places of the image have no order
    assert torch.allclose(turned, fusion(semantic, image), atol=1e-6)
    assert not torch.allclose(fusion(semantic.flip(2, 3), image), fusion(semantic, image), atol=1e-6)


def test_mistakes_are_told(backbone, discriminator):
    for layer in ("stage9", "stage2"):
        with pytest.raises(UserError, match=rf"discriminator\.layer={layer}: .* stage3, stage4, stage5 can be"):
            SemanticDiscriminator(backbone, layer)
    with pytest.raises(UserError, match=r"needs the real image, too: call it as D\(image, hr\)"):
        discriminator(torch.rand(1, 3, 64, 64))
    with pytest.raises(UserError, match="at least 24 pixels a side, not 23x64"):
        discriminator(*torch.rand(2, 1, 3, 23, 64))
