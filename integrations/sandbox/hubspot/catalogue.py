"""What every portal comes with: the standard object types, their properties (some of the 300 to 400 of a real account), deal
pipelines, and the types of associations."""

from __future__ import annotations

import zlib
from typing import Any

from integrations.sandbox.hubspot.model import Kind, Pipeline, Prop, Stage

#: (from, to): (type id of an unlabelled association, of the primary one or None)
ASSOCIATIONS: dict[tuple[str, str], tuple[int, int | None]] = {
    ("contacts", "companies"): (279, 1),
    ("companies", "contacts"): (280, 2),
    ("deals", "contacts"): (3, None),
    ("contacts", "deals"): (4, None),
    ("deals", "companies"): (341, 5),
    ("companies", "deals"): (342, 6),
    ("tasks", "contacts"): (204, None),
    ("contacts", "tasks"): (203, None),
    ("tasks", "companies"): (192, None),
    ("companies", "tasks"): (191, None),
    ("tasks", "deals"): (216, None),
    ("deals", "tasks"): (215, None),
}
SCOPES = {"contacts": "contacts", "companies": "companies", "deals": "deals", "tasks": "contacts"}


def options(*pairs: str) -> list[dict[str, Any]]:
    """ "value=Label", or a label whose value is itself."""
    made = []
    for place, pair in enumerate(pairs):
        value, _, label = pair.partition("=")
        made.append({"label": label or value, "value": value, "displayOrder": place, "hidden": False})
    return made


def _text(name: str, label: str, field_type: str = "text", **more: Any) -> Prop:
    return Prop(name, label, "string", field_type, own=False, **more)


def _number(name: str, label: str, **more: Any) -> Prop:
    return Prop(name, label, "number", "number", own=False, **more)


def _choice(name: str, label: str, *pairs: str, field_type: str = "select", **more: Any) -> Prop:
    return Prop(name, label, "enumeration", field_type, options=options(*pairs), own=False, **more)


def _when(name: str, label: str, type: str = "datetime", **more: Any) -> Prop:
    return Prop(name, label, type, "date", own=False, **more)


def _owner(label: str) -> Prop:
    return Prop("hubspot_owner_id", label, "enumeration", "select", external="owners", own=False)


def _system(created: str, modified: str) -> list[Prop]:
    return [
        _when(created, "Create Date", read_only=True),
        _when(modified, "Last Modified Date", read_only=True),
        _number("hs_object_id", "Record ID", read_only=True),
    ]


INDUSTRIES = ("DESIGN=Design", "FOOD_BEVERAGES=Food", "LOGISTICS_AND_SUPPLY_CHAIN=Logistics", "MEDIA_PRODUCTION=Media",
              "RETAIL=Retail", "CONSUMER_SERVICES=Services", "HOSPITALITY=Hospitality", "MANUFACTURING=Manufacturing",
              "HOSPITAL_HEALTH_CARE=Health", "COMPUTER_SOFTWARE=Technology")  # fmt: skip
LIFECYCLE = ("subscriber=Subscriber", "lead=Lead", "opportunity=Opportunity", "customer=Customer", "other=Other")
TASK_STATUS = ("NOT_STARTED=Not started", "IN_PROGRESS=In progress", "WAITING=Waiting", "COMPLETED=Completed",
               "DEFERRED=Deferred")  # fmt: skip
PRIORITY = ("NONE=None", "LOW=Low", "MEDIUM=Medium", "HIGH=High")


def contacts(portal: int) -> Kind:
    props = [
        _text("firstname", "First name"),
        _text("lastname", "Last name"),
        _text("email", "Email", unique=True),
        _text("hs_additional_emails", "Additional email addresses", read_only=True),
        _text("phone", "Phone number", "phonenumber"),
        _text("mobilephone", "Mobile phone number", "phonenumber"),
        _text("jobtitle", "Job title"),
        _text("city", "City"),
        _text("website", "Website URL"),
        _text("message", "Message", "textarea"),
        _choice("lifecyclestage", "Lifecycle stage", *LIFECYCLE, field_type="radio", external="stages"),
        _choice("hs_persona", "Interests", "fair=Trade fair", "news=Newsletter", "vip=VIP", field_type="checkbox"),
        _choice("hs_newsletter", "Newsletter", "true=Yes", "false=No", field_type="booleancheckbox"),
        _when("date_of_birth", "Date of birth", "date"),
        _when("notes_last_contacted", "Last contacted", read_only=True),
        _number("hubspotscore", "HubSpot score", read_only=True),
        _text("hs_full_name_or_email", "Full name or email", "calculation_equation", read_only=True),
        _owner("Contact owner"),
        *_system("createdate", "lastmodifieddate"),
    ]
    return _kind("contacts", "0-1", "Contact", "Contacts", portal, props, "firstname",
                 ["firstname", "lastname", "email"], ["email", "firstname", "lastname"],
                 created="createdate", modified="lastmodifieddate")  # fmt: skip


def companies(portal: int) -> Kind:
    props = [
        _text("name", "Company name"),
        _text("domain", "Company domain name", hint="domain_name"),
        _text("website", "Website URL"),
        _text("phone", "Phone number", "phonenumber"),
        _text("city", "City"),
        _text("description", "Description", "textarea"),
        _choice("industry", "Industry", *INDUSTRIES),
        _number("numberofemployees", "Number of employees"),
        _number("annualrevenue", "Annual revenue"),
        _when("founded_on", "Founded on", "date"),
        _choice("is_public", "Is public", "true=Yes", "false=No", field_type="booleancheckbox"),
        _owner("Company owner"),
        *_system("createdate", "hs_lastmodifieddate"),
    ]
    return _kind("companies", "0-2", "Company", "Companies", portal, props, "name", ["name", "domain"],
                 ["name", "domain"], created="createdate")  # fmt: skip


def deals(portal: int) -> Kind:
    props = [
        _text("dealname", "Deal name"),
        _number("amount", "Amount"),
        _when("closedate", "Close date"),
        Prop("pipeline", "Pipeline", "enumeration", "select", external="pipelines", own=False),
        Prop("dealstage", "Deal stage", "enumeration", "radio", external="stages", own=False),
        _choice("dealtype", "Deal type", "newbusiness=New business", "existingbusiness=Existing business", field_type="radio"),
        _text("description", "Deal description", "textarea"),
        _owner("Deal owner"),
        *_system("createdate", "hs_lastmodifieddate"),
    ]  # fmt: skip
    pipelines = [
        Pipeline("default", "Sales pipeline", [
            Stage("appointmentscheduled", "Appointment scheduled", probability="0.2"),
            Stage("qualifiedtobuy", "Qualified", probability="0.4"),
            Stage("presentationscheduled", "Proposal", probability="0.6"),
            Stage("decisionmakerboughtin", "Negotiation", probability="0.8"),
            Stage("closedwon", "Won", True, "1.0"),
            Stage("closedlost", "Lost", True, "0.0"),
        ]),
        Pipeline("75e28846", "Renewals", [
            Stage("148309307", "Up for renewal", probability="0.5"),
            Stage("148309308", "Won", True, "1.0"),
        ]),
    ]  # fmt: skip
    return _kind("deals", "0-3", "Deal", "Deals", portal, props, "dealname",
                 ["dealname", "amount", "closedate", "pipeline", "dealstage"], ["dealname"],
                 created="createdate", pipelines=pipelines)  # fmt: skip


def tasks(portal: int) -> Kind:
    props = [
        _text("hs_task_subject", "Task title"),
        _text("hs_task_body", "Task notes", "html"),
        _choice("hs_task_status", "Task status", *TASK_STATUS),
        _choice("hs_task_priority", "Priority", *PRIORITY),
        _choice("hs_task_type", "Task type", "TODO=To-do", "CALL=Call", "EMAIL=Email"),
        _when("hs_timestamp", "Due date"),
        _owner("Assigned to"),
        *_system("hs_createdate", "hs_lastmodifieddate"),
    ]
    return _kind(
        "tasks", "0-27", "Task", "Tasks", portal, props, "hs_task_subject", ["hs_task_subject"], ["hs_timestamp"]
    )


def custom(portal: int, name: str, type_id: str, singular: str, plural: str, props: list[Prop], title: str) -> Kind:
    known = [*props, _owner("Owner"), *_system("hs_createdate", "hs_lastmodifieddate")]
    return _kind(name, type_id, singular, plural, portal, known, title, [title], [title])


def _kind(name: str, type_id: str, singular: str, plural: str, portal: int, props: list[Prop], title: str,
          defaults: list[str], needs: list[str], **more: Any) -> Kind:  # fmt: skip
    group = f"{singular.lower()}information" if not type_id.startswith("2-") else f"{name}_information"
    for prop in props:
        prop.group = prop.group or group
    return Kind(name, type_id, singular, plural, portal, {p.name: p for p in props}, title, defaults, needs, **more)


def standard(portal: int) -> list[Kind]:
    return [contacts(portal), companies(portal), deals(portal), tasks(portal)]


def invented(one: str, other: str) -> int:
    """A type id for what a portal defines itself; the same in every run."""
    return 1000 + zlib.crc32(f"{one}>{other}".encode()) % 8000
