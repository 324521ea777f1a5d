"""What is suggested for tables as people have them, in three languages, and why."""

from __future__ import annotations

from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st

from crm import registry
from integrations.adapters.base import Collection, Field, Record, Schema
from integrations.services import names
from integrations.services.suggestions import assign, suggest
from integrations.sync.transforms import chain
from values import Type

AROUND = SimpleNamespace(zone=ZoneInfo("Europe/Rome"), currency="EUR", links=None)


def table(columns, title=""):
    """(schema, records) of {name: (type, values or None, more of the field)}."""
    fields = tuple(
        Field(name, name, kind, **(more[0] if more else {})) for name, (kind, _values, *more) in columns.items()
    )
    count = max((len(seen or ()) for _kind, seen, *_more in columns.values()), default=0)
    records = [
        Record(
            str(n),
            {name: (seen or [])[n] if n < len(seen or ()) else None for name, (_k, seen, *_m) in columns.items()},
        )
        for n in range(count)
    ]
    return Schema(Collection("t", "t"), fields, title), records


def suggested(entity, columns, title="", **more):
    schema, records = table(columns, title)
    return {one.remote: one for one in suggest(schema, registry.entity(entity), AROUND, records, **more)}


def pairs(found):
    return {one.remote: one.local for one in found.values()}


@pytest.mark.parametrize(
    ("entity", "columns", "wanted"),
    [
        (
            "contact",
            "Full name, E-mail address, mobilePhone, Organisation, Job Title, Date of birth, Lifecycle stage, Labels",
            "name, email, phone, company, job_title, birthday, status, tags",
        ),
        (
            "contact",
            "Nom complet, Courriel, Tél. portable, Société, Fonction, Date de naissance, Statut, Étiquettes",
            "name, email, phone, company, job_title, birthday, status, tags",
        ),
        (
            "contact",
            "Nome e cognome, Posta elettronica, Cellulare, Azienda, Mansione, Data di nascita, Stato, Etichette",
            "name, email, phone, company, job_title, birthday, status, tags",
        ),
        ("deal", "Opportunity, Value, Pipeline stage, Expected close", "name, amount, stage, close_date"),
        ("deal", "Affaire, Montant, Étape, Date de clôture", "name, amount, stage, close_date"),
        ("deal", "Trattativa, Importo, Fase, Data di chiusura", "name, amount, stage, close_date"),
        ("task", "To-do, Completed, Deadline, Importance, Assigned to", "title, done, due_at, priority, assignee"),
        ("task", "Tâche, Terminé, Échéance, Priorité, Responsable", "title, done, due_at, priority, assignee"),
        (
            "company",
            "Ragione sociale, Sito web, Settore, Dipendenti, Città",
            "name, website, industry, employees, city",
        ),
    ],
)
@pytest.mark.parametrize("language", ["en", "it"])
def test_fields_are_known_by_their_names_in_three_languages(tenant, entity, columns, wanted, language):
    with translation.override(language):
        described = registry.entity(entity)
        kinds = {name: field.type for name, field in described.fields.items()}
        remote = dict(zip(columns.split(", "), wanted.split(", "), strict=True))
        assert pairs(suggested(entity, {name: (kinds[local], None) for name, local in remote.items()})) == remote


def test_every_field_of_every_entity_has_synonyms():
    for declared in registry.ENTITIES:
        for name in registry._built_in(declared, registry.ENTITIES[declared], {}):
            assert name in registry.READ_ONLY or names.synonyms(declared, name), f"{declared}.{name}"


def test_one_field_each_and_the_best_whole(tenant):
    """“Title” could be both the name and the job; only the other assignment leaves nobody alone."""
    found = suggested(
        "contact", {"Contact": (Type.TEXT, None), "Job": (Type.TEXT, None), "Position": (Type.TEXT, None)}, "Contact"
    )
    assert pairs(found)["Contact"] == "name"
    assert sorted(pairs(found).values()).count("job_title") == 1
    both = suggested("task", {"Owner": (Type.PERSON, None), "Assigned to": (Type.PERSON, None)})
    assert pairs(both) in ({"Owner": "assignee"}, {"Assigned to": "assignee"})


def test_email_addresses_are_known_by_their_looks(tenant):
    mails = ["ada@rossi.example", "bo@x.example", "cy@y.example"]
    found = suggested("contact", {"Reach me at": (Type.TEXT, mails)})["Reach me at"]
    assert (found.local, found.reason) == ("email", "its values are e-mail addresses")
    not_mails = suggested("contact", {"E-mail": (Type.TEXT, ["call her", "by post", "fax"])})
    assert not not_mails


def test_numbers_in_text_get_their_decimal_mark(tenant):
    comma = suggested("contact", {"Punteggio": (Type.TEXT, ["1.234,50", "12,5", "7"])})["Punteggio"]
    assert comma.options == {"transforms": [{"name": "number", "decimal": ","}]}
    assert "decimal comma" in comma.reason
    point = suggested("contact", {"Score": (Type.TEXT, ["1,234.50", "12.5", "7"])})["Score"]
    assert point.options["transforms"][0]["decimal"] == "."
    price = suggested("deal", {"Montant": (Type.TEXT, ["1 234,50 €", "99,90 €"])})["Montant"]
    assert price.options["transforms"][0] == {"name": "price", "decimal": ","}
    words = suggested("contact", {"Score": (Type.TEXT, ["good", "bad"])})
    assert not words


def test_dates_in_text_get_their_pattern_day_first_in_doubt(tenant):
    doubt = suggested("contact", {"Birthday": (Type.TEXT, ["05/09/1980", "01/02/1990"])})["Birthday"]
    assert doubt.options["transforms"] == [{"name": "date", "pattern": "DD/MM/YYYY"}]
    american = suggested("contact", {"Birthday": (Type.TEXT, ["05/29/1980", "01/22/1990"])})["Birthday"]
    assert american.options["transforms"] == [{"name": "date", "pattern": "MM/DD/YYYY"}]


def test_options_that_mean_the_same_become_a_list_of_values(tenant):
    options = {"options": ("Basse", "Normale", "Haute")}
    found = suggested("task", {"Priorité": (Type.SELECT, None, options)})["Priorité"]
    steps = chain(found.options, Type.SELECT, Type.SELECT)
    here = registry.entity("task").fields["priority"].options
    assert steps.here("Basse", AROUND) in here and steps.here("Haute", AROUND) in here
    assert found.direction == "both" and "options mean the same" in found.reason


def test_overlap_of_options_is_enough_without_a_name(tenant):
    known = registry.entity("contact").fields["status"].options
    found = suggested("contact", {"Kind": (Type.SELECT, None, {"options": tuple(known)})})
    assert pairs(found) == {"Kind": "status"}


def test_what_would_not_survive_is_suggested_one_way(tenant):
    found = suggested("contact", {"Score": (Type.TEXT, ["1.50", "2.25"])})["Score"]
    assert found.direction == "import" and "would not survive" in found.reason
    folded = suggested(
        "contact",
        {"Phone": (Type.PHONE, ["+39 06 1234", "+33 1"])},
        reads_back=lambda _field, value: value.replace(" ", ""),
    )["Phone"]
    assert folded.direction == "import"


def test_nothing_is_suggested_for_what_is_not_known(tenant):
    assert not suggested("contact", {"Shoe colour": (Type.TEXT, ["red"]), "Aisle": (Type.DECIMAL, ["1"])})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("dueDate", "due_date"),
        ("Étiquettes", "etiquette"),
        ("Date of birth", "birth dates"),
        ("E-Mail", "email"),
        ("N° de tél", "N° tél"),
    ],
)
def test_names_are_compared_in_their_plain_form(one, other):
    assert set(names.plain(one).split()) >= set(names.plain(other).split()) - {"date"}


SCORES = st.dictionaries(st.tuples(st.integers(0, 4), st.integers(0, 4)), st.integers(1, 100).map(float), max_size=12)


@settings(max_examples=60)
@given(SCORES)
def test_the_assignment_has_the_largest_sum(scores):
    def best(rows, used):
        if not rows:
            return 0.0
        first, *others = rows
        alone = best(others, used)
        return max([alone, *(score + best(others, used | {column}) for (row, column), score in scores.items()
                             if row == first and column not in used)])  # fmt: skip

    chosen = assign(scores)
    assert len({row for row, _c in chosen}) == len({column for _r, column in chosen}) == len(chosen)
    assert sum(scores[pair] for pair in chosen) == pytest.approx(best(sorted({row for row, _c in scores}), frozenset()))
