"""The filter `breakable`."""

import pytest
from django.template import Context, Template

from config.breaking import breakable


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("ada@acme.example", ["ada", "@acme", ".example"]),
        ("https://hooks.example/a/b?x=1", ["https://", "hooks", ".example/", "a/", "b", "?x", "=1"]),
        ("Our warehouse", ["Our warehouse"]),
        ("", [""]),
    ],
)
def test_a_line_may_end_at_the_signs_of_an_address(text, pieces):
    assert breakable(text) == "<wbr>".join(pieces)


def test_what_is_broken_is_escaped():
    drawn = Template("{{ text|breakable }}").render(Context({"text": "<b>.a&b"}))
    assert drawn == "&lt;b&gt;<wbr>.a<wbr>&amp;b"
