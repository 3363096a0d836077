MORE = {"ms_per_mp": 31.5, "peak_mb": 6.2}
ROWS = [
    {"model": "bicubic", "set": "Set5", "scale": 4, "n": 5, "psnr_y": 28.4217, "ssim_y": 0.81, "lpips": None, **MORE,
     "parameters": 0, "ci95": {"psnr_y": [27.0, 29.0]}},
    {"model": "best", "set": "Set5", "scale": 4, "n": 5, "psnr_y": 30.0, "ssim_y": None, "lpips": None, **MORE,
     "parameters": 133_216},
]  # fmt: skip
