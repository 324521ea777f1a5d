"""A time in which a provider fails for many, and who meets it."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0003_calls"),
        migrations.swappable_dependency(settings.TENANT_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Incident",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("provider", models.CharField(editable=False, max_length=50)),
                ("kind", models.CharField(editable=False, max_length=50, verbose_name="kind")),
                ("began_at", models.DateTimeField(editable=False, verbose_name="began")),
                ("seen_at", models.DateTimeField(editable=False, verbose_name="last seen")),
                ("ended_at", models.DateTimeField(editable=False, null=True, verbose_name="ended")),
                ("tenants", models.PositiveIntegerField(default=0, editable=False, verbose_name="tenants")),
                ("connections", models.PositiveIntegerField(default=0, editable=False, verbose_name="connections")),
                (
                    "note",
                    models.TextField(
                        blank=True, default="", help_text="Tenants read it in their banner.", verbose_name="note"
                    ),
                ),
            ],
            options={
                "verbose_name": "incident",
                "verbose_name_plural": "incidents",
                "ordering": ["-began_at"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)),
                        fields=("provider",),
                        name="one_open_incident_of_a_provider",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Unanswered",
            fields=[
                ("integration_id", models.UUIDField(primary_key=True, serialize=False)),
                ("provider", models.CharField(max_length=50)),
                ("at", models.DateTimeField()),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.TENANT_MODEL
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["provider", "at"], name="unanswered_of_provider")],
            },
        ),
    ]
