from django.db import migrations, models
from django.db.models import Case, F, Func, TextField, Value, When
from django.db.models.functions import Concat, Length, Lower, Replace
from django.db.models.lookups import Exact

# As crm/letters.py had it when this was written.
MARKS = r"[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670]"
SAME = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ς": "σ", "’": "'"}


def folded(text):
    bare = Func(text, function="normalize", template="%(function)s(%(expressions)s, NFKD)")
    bare = Func(bare, Value(MARKS), Value(""), Value("g"), function="regexp_replace", output_field=TextField())
    bare = Lower(bare)
    for letter, plain in SAME.items():
        bare = Replace(bare, Value(letter), Value(plain), output_field=TextField())
    is_plain = Exact(Func(text, function="octet_length"), Length(text))
    found = Case(When(is_plain, then=Lower(text)), default=bare, output_field=TextField())
    return Replace(found, Value("ı"), Value("i"), output_field=TextField())


SEARCHED = {
    "company": F("name"),
    "contact": Concat("name", Value(" "), "email", output_field=TextField()),
    "deal": F("name"),
    "task": F("title"),
}


def searches():
    for model, text in SEARCHED.items():
        field = models.GeneratedField(db_persist=True, expression=folded(text), output_field=TextField())
        yield migrations.RemoveField(model_name=model, name="search")
        yield migrations.AddField(model_name=model, name="search", field=field)


class Migration(migrations.Migration):
    dependencies = [("crm", "0003_search_and_sort")]

    operations = [
        *searches(),
        migrations.RemoveIndex(model_name="contact", name="contact_email_key"),
        migrations.AddIndex(
            model_name="contact", index=models.Index(Lower("email"), F("id"), name="contact_email_key")
        ),
        migrations.AddIndex(model_name="task", index=models.Index(fields=["due_at", "id"], name="task_due")),
    ]
