"""What tests may put in the place of something: sizes and waits of ours, and the outside world. Our functions run as they are."""

from __future__ import annotations

import ast
import re

from tests.database import ROOT

OURS = ("config", "crm", "integrations", "practice", "tenants", "values")
CONSTANT = re.compile(r"[A-Z][A-Z_]+")
#: The clock, the network and the broker; what a fake of a test answers; and what was read once and is kept for a while.
OUTSIDE = {"now", "time", "sleep", "getaddrinfo", "handle_request", "apply_async", "error", "_kept"}


def replaced():
    """(where, name) of every attribute that a test replaces in a module or class."""
    for path in sorted((ROOT / "tests").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        froms = [one for one in ast.walk(tree) if isinstance(one, ast.ImportFrom) and one.module]
        ours = {name.asname or name.name for one in froms if one.module.split(".")[0] in OURS for name in one.names}
        for one in ast.walk(tree):
            names = []
            if isinstance(one, ast.Call) and ast.unparse(one.func).endswith(("monkeypatch.setattr", "patch.object")):
                texts = [arg.value for arg in one.args[:2] if isinstance(arg, ast.Constant)]
                names = [texts[0].rpartition(".")[2] if texts else "?"]
            elif isinstance(one, ast.Assign):
                into = [each for target in one.targets for each in ast.walk(target) if isinstance(each, ast.Attribute)]
                names = [each.attr for each in into if isinstance(each.value, ast.Name) and each.value.id in ours]
            yield from ((f"{path.relative_to(ROOT)}:{one.lineno}", name) for name in names)


def test_no_function_of_ours_is_replaced():
    found = list(replaced())
    assert {name for _where, name in found} >= {"now", "handle_request", "CHUNK"}, "nothing was looked at"
    assert [one for one in found if not (one[1] in OUTSIDE or CONSTANT.fullmatch(one[1]))] == []
