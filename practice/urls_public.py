"""What the adapter calls, on the public host."""

from django.urls import re_path

from practice.api import api

urlpatterns = [re_path(r"^practice/api(?P<path>/.*)$", api, name="practice_api")]
