"""What set-aside records have in common, and how many pairs agree, day by day."""

import django.db.models.deletion
from django.db import migrations, models

from integrations.sync import causes


def name_causes(apps, schema_editor):
    waiting = apps.get_model("integrations", "SetAside").objects
    for code, reason in waiting.values_list("code", "reason").order_by().distinct():
        waiting.filter(code=code, reason=reason).update(cause=causes.key(code, reason))


class Migration(migrations.Migration):
    dependencies = [("integrations", "0005_schema_drift")]

    operations = [
        migrations.AddField(
            model_name="setaside",
            name="cause",
            field=models.CharField(blank=True, db_default="", default="", max_length=16),
        ),
        migrations.AddIndex(
            model_name="setaside",
            index=models.Index(fields=["stream", "side", "code", "field", "cause", "id"], name="set_aside_cause"),
        ),
        migrations.RunPython(name_causes, migrations.RunPython.noop, elidable=True),
        migrations.CreateModel(
            name="Agreement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("seen", models.PositiveIntegerField(default=0)),
                ("agree", models.PositiveIntegerField(default=0)),
                ("moving", models.PositiveIntegerField(default=0)),
                ("differ", models.JSONField(default=list)),
                ("upto", models.BigIntegerField(default=0)),
                ("at", models.DateTimeField()),
                (
                    "stream",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="agreements",
                        to="integrations.stream",
                    ),
                ),
            ],
            options={
                "ordering": ["-day"],
                "constraints": [
                    models.UniqueConstraint(fields=("stream", "day"), name="agreement_once_a_day")
                ],
            },
        ),
    ]
