"""What stands alone is drawn once for a page, and what differs is drawn as often as it differs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template import Context, Engine
from django.utils.safestring import mark_safe

PARTS = {
    "part": "{{ name }}{% if number %}:{{ number }}{% endif %}{% for one in many %}[{{ one }}]{% endfor %}{{ outer }}",
    "alone": '{% for one in ones %}{% include "part" with name=one only %} {% endfor %}',
    "numbered": '{% for one in ones %}{% include "part" with name="n" number=one only %} {% endfor %}',
    "listed": '{% for one in ones %}{% include "part" with many=one only %} {% endfor %}',
    "open": '{% for one in ones %}{% with outer=one %}{% include "part" with name="o" %}{% endwith %} {% endfor %}',
    "raw": '{% include "part" with name=one only %}'
    '{% autoescape off %}{% include "part" with name=one only %}{% endautoescape %}',
}


@pytest.fixture
def draw():
    engine = Engine(
        loaders=[("django.template.loaders.locmem.Loader", PARTS)],
        builtins=["config.partials"],
    )
    return lambda name, **values: engine.get_template(name).render(Context(values)).strip()


def test_each_part_is_drawn_with_its_own_values(draw):
    assert draw("alone", ones=["a", "b", "a"]) == "a b a"
    assert draw("numbered", ones=[1, True, 1.5, None, 1]) == "n:1 n:True n:1.5 n n:1"
    assert draw("listed", ones=[["a"], ["b"], ["a"]]) == "[a] [b] [a]"


def test_a_part_that_sees_the_page_is_drawn_anew(draw):
    assert draw("open", ones=["a", "b"]) == "oa ob"


def test_what_is_escaped_is_not_taken_for_what_is_not(draw):
    assert draw("alone", ones=["<b>", mark_safe("<b>"), "<b>"]) == "&lt;b&gt; <b> &lt;b&gt;"
    assert draw("raw", one="<b>") == "&lt;b&gt;<b>"


def test_a_page_does_not_remember_another(draw):
    assert [draw("alone", ones=[one]) for one in "ab"] == ["a", "b"]


def test_no_template_changes_the_language_or_the_time_zone_halfway():
    found = [path for path in Path(settings.BASE_DIR, "templates").rglob("*") if path.is_file()]
    changes = re.compile(r"{%\s*(language|timezone|localtime|localize)\b")
    assert len(found) > 100 and not [path for path in found if changes.search(path.read_text())]
