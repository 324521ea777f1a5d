"""Calls by day, and the table in which limits and breakers are shared where there is no Redis."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from integrations.transport.postgres import CREATE_TABLE, DROP_TABLE


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0002_our_app"),
        migrations.swappable_dependency(settings.TENANT_MODEL),
    ]

    operations = [
        migrations.RunSQL(CREATE_TABLE, DROP_TABLE),
        migrations.CreateModel(
            name="Calls",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("integration_id", models.UUIDField()),
                ("provider", models.CharField(max_length=50)),
                ("day", models.DateField()),
                ("requests", models.PositiveBigIntegerField(default=0)),
                ("retries", models.PositiveBigIntegerField(default=0)),
                ("refused", models.PositiveBigIntegerField(default=0)),
                ("waited", models.FloatField(default=0.0)),
                ("left", models.PositiveBigIntegerField(null=True)),
                ("of", models.PositiveBigIntegerField(null=True)),
                ("at", models.DateTimeField(auto_now=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.TENANT_MODEL
                    ),
                ),
            ],
            options={
                "verbose_name": "calls of a day",
                "verbose_name_plural": "calls by day",
                "indexes": [models.Index(fields=["day", "provider"], name="calls_of_provider")],
                "constraints": [models.UniqueConstraint(fields=("integration_id", "day"), name="calls_once_a_day")],
            },
        ),
    ]
