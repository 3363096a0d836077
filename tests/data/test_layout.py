import pytest

from sr.data.layout import partner_stem


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("b.png", "b"),
        ("a/b.png", "a/b"),
        ("a/bx4.png", "a/b"),
        ("a/b_x4.jpg", "a/b"),
        ("b_.png", "b_"),  # another image than b
        ("b_x2.png", "b_x2"),  # of another scale
        ("b.x4y.png", "b.x4y"),
        ("0801x4.tar.png", "0801x4.tar"),
        ("x4/b.png", "x4/b"),
    ],
)
def test_the_stem_that_partners_share(name, stem):
    assert partner_stem(name, 4) == stem
