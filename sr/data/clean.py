"""Packs of decoded images that nobody uses any more: found by when they were used last, and removed."""

import shutil
import time
from pathlib import Path

from sr.errors import UserError

DAY_S = 86_400


def clean(cache: Path, days: float, dry_run: bool = False) -> str:
    """Remove packs, and what killed builds have left, that were not used for `days`; returns what was done, in lines.

    Nothing else in the folder is touched.

    Raises:
        UserError: no such folder.
    """
    if not cache.is_dir():
        raise UserError(f"{cache}: no such folder; packs are where data.cache or SR_CACHE say")
    now, lines, freed = time.time(), [], 0
    packs = [path for path in sorted(cache.iterdir()) if (path / "pixels.bin").is_file()]
    for pack in packs:
        unused = (now - pack.stat().st_mtime) / DAY_S
        if unused < (max(days, 1) if pack.name.startswith(".") else days):  # which may still be under way
            continue
        size = sum(file.stat().st_size for file in pack.iterdir())
        if not dry_run:
            shutil.rmtree(pack)
        freed += size
        lines.append(f"{pack.name}: {size / 1e6:.1f} MB, last used {unused:.0f} days ago")
    what = "would be removed" if dry_run else "removed"
    return "\n".join([*lines, f"{len(lines)} of {len(packs)} packs {what}, {freed / 1e6:.1f} MB"])
