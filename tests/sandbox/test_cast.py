from __future__ import annotations

import subprocess
import sys

from integrations.sandbox import cast


def test_the_cast_is_large_and_everybody_differs():
    assert len(cast.PEOPLE) >= 60 and len(cast.COMPANIES) >= 25
    people = [cast.invented(number) for number in range(3000)]
    assert len({person.email for person in people}) == 3000
    assert all(person.email.isascii() and person.email.endswith(".example") for person in people)


def test_the_sandbox_imports_nothing_else_of_the_project():
    code = (
        "import sys, integrations.sandbox.server as s; s.open_rooms(None);"
        "print([m for m in sys.modules if m.split('.')[0] in ('django', 'crm', 'tenants', 'config')"
        " or m.startswith('integrations.') and not m.startswith('integrations.sandbox')])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
