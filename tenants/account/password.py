"""A forgotten password: a link by e-mail, good once and for as long as PASSWORD_RESET_TIMEOUT says."""

from __future__ import annotations

from django.contrib.auth.tokens import default_token_generator
from django.urls import reverse
from django.utils import translation
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode
from django.utils.translation import gettext as _

from tenants import mail
from tenants.hosts import public_url
from tenants.models import User


def send_link(email: str) -> None:
    """To whoever has an account under this e-mail; nobody learns whether there is one."""
    user = User.objects.filter(email=email, is_active=True).first()
    if user is None:
        return
    token = default_token_generator.make_token(user)
    path = reverse("account:password_choose", args=[urlsafe_base64_encode(force_bytes(user.pk)), token])
    with translation.override(user.language or translation.get_language()):
        context = {"user": user, "link": f"{public_url()}{path}"}
        mail.send(user.email, _("Choose a new password for Raccord"), "account/password", context)


def owner(uid: str, token: str) -> User | None:
    """Whom a link is for; None when it was used, is too old or made up."""
    try:
        user = User.objects.filter(pk=int(urlsafe_base64_decode(uid)), is_active=True).first()
    except (ValueError, OverflowError):
        return None
    return user if user and default_token_generator.check_token(user, token) else None
