#!/usr/bin/env python
"""Raccord's command line."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from config import embedded

    embedded.prepare()

    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
