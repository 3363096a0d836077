import torch
import torch.nn.functional as F

from sr.image.resize import imresize
from sr.inference.refine import back_project, disagreement, ensemble, uncertainty
from sr.metrics import lr_psnr


def crooked(lr):
    """An enlarger that shifts all to the right by one pixel of the result: the eight views disagree on it."""
    sr = lr.repeat_interleave(2, -1).repeat_interleave(2, -2)
    return F.pad(sr, (1, 0, 0, 0), mode="replicate")[..., :-1]


def test_the_mean_of_eight_views_by_hand(hr):
    lr = hr[..., :20, :32]
    mean, deviation = ensemble(crooked, lr)
    views = []
    for turns in range(4):
        for flip in (False, True):
            x = torch.rot90(lr, turns, (2, 3))
            x = x.flip(3) if flip else x
            y = crooked(x)
            y = y.flip(3) if flip else y
            views.append(torch.rot90(y, -turns, (2, 3)))
    torch.testing.assert_close(mean, torch.stack(views).mean(0))
    torch.testing.assert_close(deviation, torch.stack(views).std(0, correction=0), atol=1e-5, rtol=0)
    assert mean.shape == (1, 3, 40, 64)


def test_views_of_a_symmetric_enlarger_agree(hr):
    mean, deviation = ensemble(lambda lr: imresize(lr, 3), hr[..., :20, :32])
    torch.testing.assert_close(mean, imresize(hr[..., :20, :32], 3), atol=1e-5, rtol=0)
    assert deviation.max() < 1e-4


def test_back_projection_takes_away_a_cast(hr):
    lr = imresize(hr, 1 / 4)
    tinted = (imresize(lr, 4) + torch.tensor([0.1, -0.05, 0.0]).view(1, 3, 1, 1)).contiguous()
    locked = back_project(tinted, lr)
    assert lr_psnr(tinted, lr) < 30
    assert lr_psnr(locked, lr) > 50
    assert disagreement(locked, lr).abs().mean() < 0.05 * disagreement(tinted, lr).abs().mean()


def test_the_map_takes_the_larger_of_both_and_the_worst_channel(hr):
    lr = imresize(hr, 1 / 4)
    sr = imresize(lr, 4)
    sr[:, 1] += 0.25
    deviation = torch.zeros_like(sr)
    deviation[:, 2, 5, 7] = 0.75
    found = uncertainty(deviation, sr, lr)
    assert found.shape == (1, 1, 128, 128)
    assert found[0, 0, 5, 7] == 0.75
    assert abs(found.median() - 0.25) < 0.03
