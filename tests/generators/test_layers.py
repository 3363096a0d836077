import pytest
import torch

from sr.generators.layers import conv, onto_nearest, zero_conv


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 3, 13])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtypes", [(torch.float32, torch.float32), (torch.bfloat16, torch.float32), (torch.half,) * 2])
def test_the_single_pass_of_inference_is_what_training_computes(scale, channels, layout, dtypes):
    torch.manual_seed(0)
    features = torch.randn(2, channels * scale**2, 7, 5).to(dtypes[0], memory_format=layout)
    lr = torch.rand(2, channels, 7, 5).to(dtypes[1], memory_format=layout)
    trained = onto_nearest(features, lr, scale)
    with torch.inference_mode():
        enlarged = onto_nearest(features, lr, scale)
    assert enlarged.dtype == trained.dtype
    assert torch.equal(enlarged, trained)


def test_zero_features_leave_the_nearest_enlargement(hr):
    with torch.inference_mode():
        enlarged = onto_nearest(torch.zeros(*hr.shape[:1], 12, *hr.shape[2:]), hr, 2)
    assert torch.equal(enlarged, hr.repeat_interleave(2, -1).repeat_interleave(2, -2))


def test_first_weights():
    torch.manual_seed(0)
    assert conv(64, 64).weight.std().item() == pytest.approx((2 / (1 + 0.25**2) / (64 * 9)) ** 0.5, rel=0.02)
    assert not any(parameter.any() for parameter in zero_conv(3, 8).parameters())
