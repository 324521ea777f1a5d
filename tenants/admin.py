"""Staff look after tenants and people. Never a tenant's records, never a secret."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from integrations.scheduling.models import Due
from tenants import lifecycle, team
from tenants.models import Domain, Membership, Tenant, User
from tenants.staff import StaffAdmin

admin.site.unregister(Group)  # roles are per tenant; staff are staff


class StaffInline(TabularInline):
    """Open to whoever may change what it stands in."""

    extra = 0

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_staff

    has_add_permission = has_change_permission = has_delete_permission = has_view_permission


class DomainInline(StaffInline):
    model = Domain
    fields = ("domain", "is_primary")


class MembershipInline(StaffInline):
    model = Membership
    fields = ("user", "role", "joined_at")
    readonly_fields = ("joined_at",)
    autocomplete_fields = ("user",)


class NewTenantForm(forms.ModelForm):
    """A tenant comes with an owner; its schema and host name are made by `lifecycle`."""

    owner = forms.ModelChoiceField(User.objects.filter(is_active=True), label=_("Owner"))

    class Meta:
        model = Tenant
        fields = ("name", "slug", "timezone", "currency", "language")

    def clean_slug(self) -> str:
        slug = self.cleaned_data["slug"]
        if slug in lifecycle.RESERVED:
            raise ValidationError(lifecycle.taken(slug).message_dict["slug"])
        return slug


@admin.register(Tenant)
class TenantAdmin(StaffAdmin):
    list_display = ("name", "slug", "member_count", "integration_count", "language", "created_at")
    search_fields = ("name", "slug", "memberships__user__email")
    list_filter = ("language", "created_at")
    readonly_fields = ("slug", "schema_name", "created_at")
    fields = ("name", "slug", "schema_name", "timezone", "currency", "language", "created_at")
    inlines = (DomainInline, MembershipInline)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tenant]:
        due = Due.objects.filter(tenant=OuterRef("pk")).order_by().values("tenant").annotate(n=Count("pk")).values("n")
        tenants = super().get_queryset(request).exclude(schema_name="public")
        return tenants.annotate(members=Count("memberships", distinct=True), integrations=Coalesce(Subquery(due), 0))

    @admin.display(description=_("members"), ordering="members")
    def member_count(self, tenant: Any) -> int:
        return tenant.members

    @admin.display(description=_("integrations"), ordering="integrations")
    def integration_count(self, tenant: Any) -> int:
        return tenant.integrations

    def get_form(self, request: HttpRequest, obj: Tenant | None = None, **kwargs: Any) -> Any:
        if obj is None:
            kwargs |= {"form": NewTenantForm, "fields": None}
        return super().get_form(request, obj, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Tenant | None = None) -> Any:
        return self.fields if obj else ("name", "slug", "owner", "timezone", "currency", "language")

    def get_readonly_fields(self, request: HttpRequest, obj: Tenant | None = None) -> Any:
        return self.readonly_fields if obj else ()

    def get_inlines(self, request: HttpRequest, obj: Tenant | None) -> Any:
        return self.inlines if obj else ()

    def save_model(self, request: HttpRequest, obj: Tenant, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        made = team.found(obj.name, obj.slug, form.cleaned_data["owner"])
        obj.pk, obj.schema_name, obj.created_at = made.pk, made.schema_name, made.created_at
        obj._state.adding = False
        obj.save(update_fields=["timezone", "currency", "language"])

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """People are kept in step with members, also when staff change these."""
        super().save_formset(request, form, formset, change)
        for gone in formset.deleted_objects:
            if isinstance(gone, Membership):
                team.left(gone)
        for kept in [*formset.new_objects, *(pair[0] for pair in formset.changed_objects)]:
            if isinstance(kept, Membership):
                team.came(kept)

    def delete_model(self, request: HttpRequest, obj: Tenant) -> None:
        lifecycle.delete_tenant(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Tenant]) -> None:
        for tenant in queryset:
            lifecycle.delete_tenant(tenant)

    def has_delete_permission(self, request: HttpRequest, obj: Tenant | None = None) -> bool:
        return request.user.is_superuser


class UserMembershipInline(StaffInline):
    model = Membership
    can_delete = False
    fields = readonly_fields = ("tenant", "role", "joined_at")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(User)
class UserAdmin(StaffAdmin, DjangoUserAdmin):
    form, add_form, change_password_form = UserChangeForm, UserCreationForm, AdminPasswordChangeForm
    list_display = ("email", "name", "is_active", "is_staff", "last_login")
    list_filter = ("is_staff", "is_active")
    search_fields = ("email", "name")
    ordering = ("email",)
    filter_horizontal = ()
    readonly_fields = ("last_login", "joined_at")
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        (_("Access"), {"fields": ("is_active", "is_staff", "is_superuser")}),
        (_("Preferences"), {"fields": ("language", "theme")}),
        (_("Times"), {"fields": ("last_login", "joined_at")}),
    )
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("email", "name", "password1", "password2")}),)
    inlines = (UserMembershipInline,)

    def get_inlines(self, request: HttpRequest, obj: User | None) -> Any:
        return self.inlines if obj else ()

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        mine = (
            self.readonly_fields if request.user.is_superuser else (*self.readonly_fields, "is_staff", "is_superuser")
        )
        return (*mine, "email") if obj else mine  # the tenants' people are matched by e-mail

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self._below(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and request.user.is_superuser

    @staticmethod
    def _below(request: HttpRequest, obj: User | None) -> bool:
        """Nobody takes over an account that may do more than theirs."""
        return request.user.is_superuser or obj is None or obj == request.user or not obj.is_staff
