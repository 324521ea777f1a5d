"""The public host as it is with DEBUG: with the style guide."""

from django.urls import path

from config.styleguide import styleguide
from config.urls_public import urlpatterns as public

urlpatterns = [*public, path("styleguide/", styleguide, name="styleguide")]
