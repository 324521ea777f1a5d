"""WSGI entry for every web server."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()

# A page makes tens of thousands of small objects that end with it. To look for cycles among them after every 700, as Python does
# unless told otherwise, takes a tenth to a third of the time of the larger pages.
gc.freeze()
gc.set_threshold(20_000, 20, 50)
