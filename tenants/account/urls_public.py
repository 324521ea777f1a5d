from django.urls import path

from tenants.account import views

app_name = "account"
urlpatterns = [
    path("sign-in/", views.sign_in, name="sign_in"),
    path("sign-up/", views.sign_up, name="sign_up"),
    path("sign-out/", views.sign_out, name="sign_out"),
    path("organisations/", views.choose_tenant, name="choose_tenant"),
    path("password/", views.password_reset, name="password_reset"),
    path("password/<str:uid>/<str:token>/", views.password_choose, name="password_choose"),
    path("go/<slug:slug>/", views.go, name="go"),
]
