from django.urls import path

from tenants.account import views

app_name = "account"
urlpatterns = [
    path("sign-in/", views.sign_in, name="sign_in"),
    path("sign-out/", views.sign_out, name="sign_out"),
    path("enter/", views.enter, name="enter"),
    path("join/<str:token>/", views.join, name="join"),
    path("password/", views.to_public_password_reset, name="password_reset"),
    path("go/<slug:slug>/", views.go, name="go"),
    path("preferences/", views.preferences, name="preferences"),
]
