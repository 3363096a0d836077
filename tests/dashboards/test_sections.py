from sr.dashboards.sections import sections


def test_every_name_has_one_place_and_bicubic_goes_with_its_metric():
    names = ["loss/pixel", "accuracy", "val/psnr_y", "val/psnr_y_bicubic", "logits/real", "learning_rate/generator",
             "gradient_norm/generator", "health/x", "loss/generator", "speed/images_per_second"]  # fmt: skip
    assert sections(names) == {
        "Quality": ["val/psnr_y"],
        "Losses and adversary": ["loss/pixel", "loss/generator", "logits/real", "accuracy", "gradient_norm/generator"],
        "Rates and speed": ["learning_rate/generator", "speed/images_per_second"],
        "Other": ["health/x"],
    }
