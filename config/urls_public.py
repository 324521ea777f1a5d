from django.urls import path

from config import views

urlpatterns: list = [
    path("healthz", views.alive),
    path("readyz", views.ready),
]
