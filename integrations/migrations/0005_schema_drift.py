from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("integrations", "0004_oauth_grants")]

    operations = [
        migrations.AddField(
            model_name="fieldmapping",
            name="gone",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="stream",
            name="drift",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="stream",
            name="on_drift",
            field=models.CharField(
                choices=[
                    ("ask", "Go on without the field, and ask a person"),
                    ("apply", "Go on without the field"),
                    ("stop", "Stop the table"),
                ],
                default="ask",
                max_length=10,
            ),
        ),
    ]
