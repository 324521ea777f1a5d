"""A mail to one person: text and HTML from two templates of the same name, in the language that is active."""

from __future__ import annotations

from typing import Any

from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils.translation import get_language


def send(to: str, subject: str, template: str, context: dict[str, Any]) -> None:
    """template: without its ending."""
    subject = " ".join(subject.split())  # names of people and organisations stand in it; a header has one line
    facts = context | {"subject": subject, "language": get_language()}
    letter = EmailMultiAlternatives(subject, render_to_string(f"{template}.txt", facts), None, [to])
    letter.attach_alternative(render_to_string(f"{template}.html", facts), "text/html")
    letter.send()
