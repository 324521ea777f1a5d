"""The staff's own words for failures."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0004_incidents")]

    operations = [
        migrations.CreateModel(
            name="FailureText",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=50, verbose_name="failure")),
                (
                    "language",
                    models.CharField(
                        choices=[("en", "English"), ("fr", "Français"), ("it", "Italiano")],
                        max_length=10,
                        verbose_name="language",
                    ),
                ),
                (
                    "title",
                    models.CharField(
                        blank=True, default="", max_length=200, verbose_name="what happened, in a few words"
                    ),
                ),
                ("happened", models.TextField(blank=True, default="", max_length=600, verbose_name="what it means")),
                ("todo", models.TextField(blank=True, default="", max_length=600, verbose_name="what to do")),
            ],
            options={
                "verbose_name": "text of a failure",
                "verbose_name_plural": "texts of failures",
                "ordering": ["code", "language"],
                "constraints": [models.UniqueConstraint(fields=("code", "language"), name="text_of_failure_once")],
            },
        ),
    ]
