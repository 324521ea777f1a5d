"""The settings for the type checker: it imports them and asks no database."""

from tests import database

database.prepare()

from config.settings import *  # noqa: E402, F403
