"""The tenant that stories are told in: made once, emptied before each story, with the story's own clock in its change feed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from tenants import lifecycle
from tenants.models import User

#: The feed says when somebody wrote; in a story that is the story's time, so that "newest" is the same in every telling.
STORY_TIME = """
CREATE FUNCTION story_time() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.at := coalesce(nullif(current_setting('simulation.now', true), '')::timestamptz, NEW.at);
    RETURN NEW;
END $$;
CREATE TRIGGER story_time BEFORE INSERT ON crm_change FOR EACH ROW EXECUTE FUNCTION story_time();
"""


@contextmanager
def tenant(name: str = "simulation") -> Iterator[Any]:
    owner = User.objects.create_user(f"owner@{name}.example", name="Owner")
    made = lifecycle.create_tenant("Simulation", name, owner)
    connection.set_tenant(made)
    try:
        with connection.cursor() as cursor:
            cursor.execute(STORY_TIME)
        yield made
    finally:
        connection.close()
        connection.set_schema_to_public()
        lifecycle.delete_tenant(made)
        owner.delete()
        connection.close()
