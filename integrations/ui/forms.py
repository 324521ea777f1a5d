"""The forms of the wizard. What they ask for is declared elsewhere: in manifests, models and the registry."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from crm import registry
from integrations.adapters.base import Auth, Collection
from integrations.models import Deletions, Frequency, Matching, Stream
from integrations.services import rules
from integrations.services.connect import Refused
from integrations.services.cost import Cost
from integrations.services.templates import Template
from integrations.ui import words
from integrations.ui.tools import tool


class RefusableForm(forms.Form):
    """A form that shows what a service refused at the field that it is about."""

    def refuse(self, refused: Refused) -> None:
        self.add_error(refused.field if refused.field in self.fields else None, str(refused))


class ConnectForm(RefusableForm):
    """The name and the manifest's fields. Secrets are never drawn back into the page."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=100,
        help_text=gettext_lazy("How you tell this connection from others of the same tool."),
    )

    def __init__(self, way: Auth | None, *args: Any, ask_name: bool = True, **kwargs: Any) -> None:
        """way: None where there is none that could be taken now."""
        super().__init__(*args, **kwargs)
        self.way = way
        self.asked = way.fields if way else ()
        if not ask_name:
            del self.fields["name"]
        for one in self.asked:
            secret = forms.PasswordInput(render_value=False, attrs={"autocomplete": "off", "spellcheck": "false"})
            widget = secret if one.secret else forms.TextInput(attrs={"autocomplete": "off"})
            widget.attrs["placeholder"] = one.placeholder
            self.fields[one.name] = forms.CharField(
                label=_(one.label), help_text=_(one.help) if one.help else "", required=one.required, widget=widget
            )

    def credentials(self) -> dict[str, str]:
        return {one.name: self.cleaned_data.get(one.name, "") for one in self.asked}


class ReconnectForm(ConnectForm):
    """Asks once more when another account answers."""

    another_account = forms.BooleanField(
        label=gettext_lazy("Use the other account all the same"),
        help_text=gettext_lazy(
            "Records stay paired with those of the account before; those that it lacks count as gone."
        ),
        required=False,
    )

    def __init__(self, way: Auth | None, *args: Any, **kwargs: Any) -> None:
        super().__init__(way, *args, ask_name=False, **kwargs)
        self.fields["another_account"] = self.fields.pop("another_account")  # last
        self.asks = bool(self.data.get("another_account"))

    def refuse(self, refused: Refused) -> None:
        super().refuse(refused)
        self.asks = self.asks or refused.code == "other_account"


class NameForm(RefusableForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)


class TemplateForm(RefusableForm):
    template = forms.ChoiceField(label=gettext_lazy("Template"))
    place = forms.ChoiceField(
        label=gettext_lazy("Where to put the tables"),
        error_messages={"invalid_choice": gettext_lazy("Choose one.")},
    )

    def __init__(self, templates: Iterable[Template], places: Iterable[Collection], *args: Any) -> None:
        super().__init__(*args)
        choices = [(one.slug, one.name) for one in templates]
        self.fields["template"].choices = choices  # type: ignore[attr-defined]
        self.fields["template"].initial = choices[0][0]
        self.fields["place"].choices = [(one.id, " / ".join([*one.path, one.name])) for one in places]  # type: ignore[attr-defined]


class TableForm(RefusableForm):
    """One collection and the kind of record that it is paired with."""

    collection = forms.CharField(widget=forms.HiddenInput, required=False)
    link = forms.CharField(
        label=gettext_lazy("Link or id of a table"),
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "https://…"}),
    )
    entity = forms.ChoiceField(label=gettext_lazy("Keep in step with"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["entity"].choices = entity_choices()


class FrequencyForm(RefusableForm):
    """Each choice with what it costs."""

    frequency = forms.ChoiceField(label=gettext_lazy("How often"), choices=Frequency.choices, widget=forms.RadioSelect)

    def __init__(self, *args: Any, costs: list[Cost], tool: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.costs = {cost.frequency: cost for cost in costs}
        self.tool = tool

    def cards(self) -> list[dict[str, Any]]:
        chosen = self["frequency"].value()
        return [
            {"value": value, "label": label, "checked": value == chosen, "cost": self._words(self.costs[value])}
            for value, label in Frequency.choices
        ]

    def words_of(self, frequency: str) -> str:
        return self._words(self.costs[frequency]) if frequency in self.costs else ""

    def share_of(self, frequency: str) -> float | None:
        """Per cent of what the tool allows in a day, at most 100."""
        share = self.costs[frequency].share if frequency in self.costs else None
        return None if share is None else min(share * 100, 100.0)

    def _words(self, cost: Cost) -> str:
        if cost.frequency == Frequency.MANUAL:
            return _("No call until somebody asks.")
        if not cost.calls:
            return _("Less than one call a day.")
        number = formats.number_format(cost.calls, force_grouping=True)
        calls = ngettext("About %(n)s call a day", "About %(n)s calls a day", cost.calls) % {"n": number}
        if cost.share is None:
            return f"{calls}."
        share = _("less than 1 %") if cost.share < 0.01 else f"{cost.share:.0%}".replace("%", " %")
        return _("%(calls)s, %(share)s of what %(tool)s allows.") % {"calls": calls, "share": share, "tool": self.tool}


class StreamForm(RefusableForm):
    """How one pair behaves. The choices that tell of the tool call it by its name."""

    direction = forms.ChoiceField(label=gettext_lazy("Direction"))
    policy = forms.ChoiceField(
        label=gettext_lazy("When both sides changed the same field"),
        help_text=gettext_lazy("Whoever wins, both values are kept in the inbox."),
    )
    matching = forms.ChoiceField(
        label=gettext_lazy("When records exist on both sides already"),
        choices=Matching.choices,
        widget=forms.RadioSelect,
    )
    match_fields = forms.MultipleChoiceField(
        label=gettext_lazy("Records belong together when they share"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("The first of these that has a value decides. Capitals and spaces do not count."),
    )
    first_policy = forms.ChoiceField(
        label=gettext_lazy("When they meet for the first time and differ"),
        required=False,
        help_text=gettext_lazy("An empty field is filled from the other side, whoever wins."),
    )
    deletions = forms.ChoiceField(label=gettext_lazy("When a record is deleted on one side"), choices=Deletions.choices)

    def __init__(self, stream: Stream, data: Any = None) -> None:
        super().__init__(
            data, initial={name: getattr(stream, name) for name in self.base_fields}, prefix=str(stream.pk)
        )
        self.stream = stream
        name = tool(stream.integration.provider).name
        self.fields["direction"].choices = list(words.directions(name).items())
        self.fields["policy"].choices = list(words.policies(name).items())
        self.fields["first_policy"].choices = list(words.first_policies(name).items())
        self.entity_label = dict(entity_choices()).get(stream.entity, stream.entity)
        self.fields["match_fields"].choices = _keys(stream)
        impossible = rules.impossible_deletions(stream)  # the page of all rules says why
        self.fields["deletions"].choices = [one for one in Deletions.choices if one[0] not in impossible]

    def said(self) -> list[str]:
        """What is chosen, in words, for a form that is folded."""
        told = ("direction", "policy", "matching", "deletions")
        found = {name: str(dict(self.fields[name].choices).get(self[name].value(), "")) for name in told}
        keys = [
            label for name, label in self.fields["match_fields"].choices if name in (self["match_fields"].value() or ())
        ]
        if keys and self["matching"].value() != Matching.CREATE_ONLY:
            found["matching"] = _("Paired by %(fields)s") % {"fields": ", ".join(keys)}
        if found["deletions"]:
            found["deletions"] = _("Deleted: %(what)s") % {"what": found["deletions"]}
        return [one for one in found.values() if one]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("matching") not in (None, Matching.CREATE_ONLY) and not given.get("match_fields"):
            self.add_error("match_fields", _("Choose at least one field, or pair nothing."))
        return given


def _keys(stream: Stream) -> list[tuple[str, str]]:
    """Mapped fields that may tell which records belong together: the entity's keys first, then those chosen before."""
    entity = registry.entity(stream.entity)
    mapped = {one.local for one in stream.mappings.all()}
    names = dict.fromkeys([*stream.match_fields, *entity.keys])
    return [(name, entity.fields[name].label) for name in names if name in mapped and name in entity.fields]


def entity_choices() -> list[tuple[str, str]]:
    return [
        (name, str(declared.model._meta.verbose_name_plural).capitalize())
        for name, declared in registry.ENTITIES.items()
    ]


def suggest_entity(collection: Collection) -> str:
    """The kind of record that a table's name speaks of; "" when it speaks of none."""
    name = collection.name.casefold()
    for entity, spoken in SPOKEN.items():
        if any(word in name for word in spoken):
            return entity
    return ""


#: What tables are called, in English, French and Italian.
SPOKEN = {
    "company": ("compan", "organi", "account", "entreprise", "société", "aziend", "societ", "client compan"),
    "deal": ("deal", "opportunit", "pipeline", "sales", "affaire", "vente", "trattativ", "vendit"),
    "task": ("task", "to-do", "todo", "action", "tâche", "attività", "compiti"),
    "contact": (
        "contact",
        "people",
        "person",
        "customer",
        "client",
        "lead",
        "personne",
        "contatt",
        "person",
        "cliente",
    ),
}
