"""The doors: sign in, sign up, choose, join, leave; and a person's preferences."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import check_for_language, get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from tenants import hand_off, team, throttle
from tenants.account import password
from tenants.account import sign_in as door
from tenants.account.forms import (
    ForgottenForm,
    JoinForm,
    NewPasswordForm,
    PreferencesForm,
    SignInForm,
    SignUpForm,
    check_password,
)
from tenants.hosts import public_url
from tenants.middleware import for_everybody, is_public, person
from tenants.models import Membership, Tenant, User


def landing(request: HttpRequest) -> HttpResponse:
    return render(request, "public/landing.html")


@for_everybody
@sensitive_post_parameters()
@never_cache
def sign_in(request: HttpRequest) -> HttpResponse:
    tenant = None if is_public(request) else request.tenant
    form = SignInForm(request.POST or None)
    if form.is_valid():
        try:
            user = door.check(request, form.cleaned_data["email"], form.cleaned_data["password"], tenant)
        except door.Refused as error:
            form.add_error(None, str(error))
        else:
            login(request, user)
            path = door.wanted_path(request) or "/" if tenant else door.after_sign_in(request, user)
            return keep_theme(see_other(path), user)
    context = {"form": form, "next": door.wanted_path(request), "organisation": tenant.name if tenant else ""}
    return render(request, "account/sign_in.html", context, status=422 if form.errors else 200)


@sensitive_post_parameters()
@never_cache
def sign_up(request: HttpRequest) -> HttpResponse:
    known = person(request) if request.user.is_authenticated else None
    form = SignUpForm(request.POST or None, user=known)
    if form.is_valid() and (founded := _found(request, form, known)):
        user, tenant = founded
        if not known:
            login(request, user, backend=hand_off.BACKEND)
        return see_other(hand_off.link(request, user, tenant))
    port = f":{settings.PUBLIC_PORT}" if settings.PUBLIC_PORT else ""
    context = {"form": form, "base_host": f"{settings.PUBLIC_HOST}{port}"}
    return render(request, "account/sign_up.html", context, status=422 if form.errors else 200)


def _found(request: HttpRequest, form: SignUpForm, known: User | None) -> tuple[User, Tenant] | None:
    """The organisation and its owner, both or neither. None puts the reason on the form."""
    try:
        throttle.book(request, "sign-up")
        with transaction.atomic():
            user = known or _person(request, form)
            asked = form.cleaned_data
            return (user, team.found(asked["organisation"], asked["slug"], user)) if user else None
    except throttle.TooMany as error:
        form.add_error(None, door.too_many(error))
    except ValidationError as error:
        form.add_error("slug" if "slug" in error.message_dict else None, error.messages)
    return None


def _person(request: HttpRequest, form: SignUpForm) -> User | None:
    """Who signs up: a new person, or a known one who gives the right password. None puts the reason on the form."""
    email, password = form.cleaned_data["email"], form.cleaned_data["password"]
    if User.objects.filter(email=email).exists():
        try:
            return door.check(request, email, password)
        except door.Refused:
            form.add_error(
                "password", _("This e-mail is known here. Give its password to set up another organisation.")
            )
            return None
    fresh = User(email=email, name=form.cleaned_data["name"])
    check_password(form, fresh)
    return None if form.errors else User.objects.create_user(email, password, name=fresh.name)


def choose_tenant(request: HttpRequest) -> HttpResponse:
    if not request.user.is_authenticated:
        return redirect(settings.SIGN_IN_PATH)
    tenants = [
        {
            "name": membership.tenant.name,
            "url": reverse("account:go", args=[membership.tenant.slug]),
            "host": membership.tenant.url.partition("://")[2],
            "role": membership.get_role_display(),
        }
        for membership in request.user.memberships.select_related("tenant").order_by("tenant__name")
    ]
    return render(request, "account/choose_tenant.html", {"tenants": tenants})


@for_everybody
@never_cache
def go(request: HttpRequest, slug: str) -> HttpResponse:
    """To one of the person's organisations, from whichever host they are on."""
    if not request.user.is_authenticated:
        return redirect(door.sign_in_address(request.path))
    membership = get_object_or_404(Membership.objects.select_related("tenant"), user=request.user, tenant__slug=slug)
    return redirect(hand_off.link(request, request.user, membership.tenant))


@for_everybody
@never_cache
def enter(request: HttpRequest) -> HttpResponse:
    """The other end of a hand-off."""
    path = hand_off.enter(request, request.GET.get("token", ""))
    if path is None:
        return redirect(settings.SIGN_IN_PATH)
    return keep_theme(see_other(path), person(request))


@for_everybody
@sensitive_post_parameters()
@never_cache
def join(request: HttpRequest, token: str) -> HttpResponse:
    asked = team.invitation(request.tenant, token)
    if asked is None:
        return render(request, "account/join_void.html", status=404)
    known = User.objects.filter(email=asked.email).first()
    form: SignInForm | JoinForm | None = None
    if known and request.user == known:
        pass
    elif known:
        form = SignInForm(request.POST or None, initial={"email": known.email})
        form.fields["email"].disabled = True
    else:
        form = JoinForm(request.POST or None, email=asked.email)
    if request.method == "POST" and (user := _invited(request, form, known, asked.email)):
        team.join(asked, user)
        if request.user != user:
            login(request, user, backend=hand_off.BACKEND)
        return see_other("/")
    status = 422 if form and form.errors else 200
    return render(request, "account/join.html", {"form": form, "asked": asked, "known": known}, status=status)


def _invited(request: HttpRequest, form: SignInForm | JoinForm | None, known: User | None, email: str) -> User | None:
    if form is None:
        return known
    if not form.is_valid():
        return None
    if known is None:
        return User.objects.create_user(
            email, form.cleaned_data["password"], name=form.cleaned_data["name"], language=request.tenant.language
        )
    try:
        return door.check(request, email, form.cleaned_data["password"])
    except door.Refused as error:
        form.add_error("password", str(error))
        return None


@for_everybody
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    hand_off.sign_out(request)
    return see_other("/" if is_public(request) else settings.SIGN_IN_PATH)


def password_reset(request: HttpRequest) -> HttpResponse:
    form, sent = ForgottenForm(request.POST or None), False
    if form.is_valid():
        try:
            throttle.book(request, "password")
            password.send_link(form.cleaned_data["email"])
            sent = True
        except throttle.TooMany as error:
            form.add_error(None, door.too_many(error))
    context = {"form": form, "sent": sent}
    return render(request, "account/password_reset.html", context, status=422 if form.errors else 200)


@sensitive_post_parameters()
@never_cache
def password_choose(request: HttpRequest, uid: str, token: str) -> HttpResponse:
    owner = password.owner(uid, token)
    if owner is None:
        return render(request, "account/join_void.html", {"mail": True}, status=404)
    form = NewPasswordForm(request.POST or None, user=owner)
    if form.is_valid():
        owner.set_password(form.cleaned_data["password"])  # also ends every session of this person
        owner.save(update_fields=["password"])
        messages.success(request, _("Your new password is saved. Sign in with it."))
        return see_other(settings.SIGN_IN_PATH)
    context = {"form": form, "owner": owner}
    response = render(request, "account/password_reset.html", context, status=422 if form.errors else 200)
    response["Referrer-Policy"] = "no-referrer"  # the address holds the token
    return response


@for_everybody
def to_public_password_reset(request: HttpRequest) -> HttpResponse:
    return redirect(f"{public_url()}{reverse('account:password_reset', urlconf=settings.PUBLIC_SCHEMA_URLCONF)}")


def preferences(request: HttpRequest) -> HttpResponse:
    form = PreferencesForm(request.POST or None, instance=request.user)
    if form.is_valid():
        form.save()
        team.rename(person(request))
        with translation.override(person(request).language or get_language()):
            messages.success(request, _("Your preferences are saved."))
        return keep_theme(see_other(reverse("account:preferences")), person(request))
    context = {"form": form, "tabs": preference_tabs("account:preferences")}
    return render(request, "account/preferences.html", context, status=422 if form.errors else 200)


def preference_tabs(here: str) -> list[dict[str, Any]]:
    """For ui/_tabs.html: a person's pages; here: the name of the one that is shown."""
    pages = {"account:preferences": _("You"), "notifications:preferences": _("Notifications")}
    return [{"label": label, "url": reverse(name), "active": name == here} for name, label in pages.items()]


@for_everybody
@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """The language of this browser and, for somebody who is signed in, of the person."""
    response = see_other(door.wanted_path(request) or "/")
    code = request.POST.get("language", "")
    if code in dict(settings.LANGUAGES) and check_for_language(code):
        response.set_cookie(settings.LANGUAGE_COOKIE_NAME, code, max_age=31536000, samesite="Lax")
        if request.user.is_authenticated:
            User.objects.filter(pk=request.user.pk).update(language=code)
    return response


def staff_sign_in(request: HttpRequest) -> HttpResponse:
    """The admin's own sign-in page stands aside for ours, which is throttled."""
    if request.user.is_authenticated:
        raise Http404("not staff")
    return redirect(door.sign_in_address(reverse("admin:index")))


def see_other(path: str) -> HttpResponseRedirect:
    """After a POST: 303, so that reloading sends nothing again."""
    return HttpResponseRedirect(path, status=303)


def keep_theme(response: HttpResponse, user: User) -> HttpResponse:
    """The person's theme, for the first paint on this host."""
    if user.theme:
        response.set_cookie("theme", user.theme, max_age=31536000, samesite="Lax")
    else:
        response.delete_cookie("theme")
    return response
