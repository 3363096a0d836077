"""Which curves belong together: one order for the page and for W&B."""

from collections.abc import Iterable

SECTIONS = {
    "Quality": ("val/",),
    "Losses and adversary": ("loss/", "logits/", "accuracy", "gradient_norm/"),
    "Rates and speed": ("learning_rate/", "speed/"),
    "Other": ("",),
}  # title -> what the names of its curves begin with
BICUBIC = "_bicubic"  # ends the name of a score that an untrained enlarger has on the same images


def sections(names: Iterable[str]) -> dict[str, list[str]]:
    """Title -> its names, by their place in the section and then as they come; bicubic's are part of their metric's."""
    found: dict[str, list[str]] = {title: [] for title in SECTIONS}
    for name in dict.fromkeys(names):
        if not name.endswith(BICUBIC):
            title = next(title for title, starts in SECTIONS.items() if name.startswith(starts))
            found[title].append(name)
    for title, starts in SECTIONS.items():
        found[title] = [name for start in starts for name in found[title] if name.startswith(start)]
    return {title: members for title, members in found.items() if members}
