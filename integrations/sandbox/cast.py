"""The people and companies of every demo: invented, European, on reserved domains.

The sandbox seeds start from the front of these lists; a local demo that takes people from the middle meets about
the share it likes. Everything is in a fixed order, so equal slices are equal people.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

_COMPANIES = """
Atelier Fontaine|fontaine.example|Design
Nordlicht Optik|nordlicht.example|Manufacturing
Bottega Verdi|bottegaverdi.example|Food
Lumière & Fils|lumiere.example|Media
Käserei Alpstein|alpstein.example|Food
Verlag Sonnenhof|sonnenhof.example|Media
Casa Oliveira|oliveira.example|Retail
Bergström Trä|bergstrom.example|Manufacturing
Studio Piccolo|piccolo.example|Design
Van Dijk Logistics|vandijk.example|Logistics
Galway Seaweed Co|galwayseaweed.example|Food
Cantina del Sole|cantinasole.example|Food
Brasserie Lefèvre|lefevre.example|Hospitality
Hôtel des Tilleuls|tilleuls.example|Hospitality
Młyn Podgórze|podgorze.example|Food
Østergaard Lys|ostergaard.example|Manufacturing
Weinhaus Brandt|brandt.example|Food
Librería Montaña|montana.example|Retail
Škoda & Novák Právo|novakpravo.example|Services
Officine Marchetti|marchetti.example|Manufacturing
Thessaly Honey|thessaly.example|Food
Claes & Peeters|claespeeters.example|Services
Helsinki Ceramics|helsinkiceramics.example|Design
Fado Records|fadorecords.example|Media
Kelly & Byrne Architects|kellybyrne.example|Services
Zürich Velo|zurichvelo.example|Retail
Danube Textiles|danubetextiles.example|Manufacturing
Clinique du Lac|cliniquelac.example|Health
Farmácia Central|farmaciacentral.example|Health
Tartu Robotics|tarturobotics.example|Technology
"""

_PEOPLE = """
Chiara Rossi|Élodie Martin|Lukas Weber|Sofía García|Anna Kowalska|Jonas Lindqvist|Maria Silva|Pieter de Vries
Aoife Murphy|Giulia Bianchi|Mathieu Lefèvre|Hanna Müller|Diego Fernández|Katarzyna Nowak|Freja Østergaard|Tomás Novák
Eleni Papadopoulou|Niamh Byrne|Marco Ricci|Camille Dubois|Felix Schneider|Lucía Martínez|Piotr Wiśniewski|Elin Bergström
João Oliveira|Sanne Bakker|Liam Kelly|Francesca Conti|Antoine Moreau|Johanna Brandt|Pablo Ruiz|Zofia Zielińska
Oskar Nilsson|Inês Costa|Bram Peeters|Ciara Walsh|Matteo Marchetti|Léa Fontaine|Maximilian Vogt|Carmen Ortega
Jakub Dvořák|Astrid Hansen|Rui Santos|Lotte Claes|Seán Doyle|Elena Greco|Hugo Lambert|Clara Hoffmann
Javier Molina|Agnieszka Mazur|Mikko Virtanen|Beatriz Almeida|Femke Jansen|Róisín Nolan|Davide Ferrari|Manon Girard
Paul Krämer|Nuria Vidal|Tereza Svobodová|Kristina Kask|Stefan Ionescu|Ilse Maes|Orla Brennan|Alessia Romano
Théo Chevalier|Greta Lehmann|Andrés Navarro|Magda Lewandowska|Signe Madsen|Nikos Georgiou|Vera Horvat|Emma Laurent
"""


@dataclass(frozen=True, slots=True)
class Company:
    name: str
    domain: str
    industry: str

    @property
    def website(self) -> str:
        return f"https://www.{self.domain}"


@dataclass(frozen=True, slots=True)
class Person:
    first: str
    last: str
    company: Company
    email: str

    @property
    def name(self) -> str:
        return f"{self.first} {self.last}"


def ascii_slug(text: str) -> str:
    """`Élodie` to `elodie`, for mail addresses."""
    special = text.translate(str.maketrans("øłßØŁ", "olsOL"))
    plain = unicodedata.normalize("NFKD", special).encode("ascii", "ignore").decode()
    return "".join(char for char in plain.lower() if char.isalnum())


COMPANIES = [Company(*line.split("|")) for line in _COMPANIES.strip().splitlines()]


def _person(number: int, name: str) -> Person:
    first, _, last = name.partition(" ")
    company = COMPANIES[number % len(COMPANIES)]
    return Person(first, last, company, f"{ascii_slug(first)}.{ascii_slug(last)}@{company.domain}")


PEOPLE = [_person(number, name) for number, name in enumerate(_PEOPLE.strip().replace("\n", "|").split("|"))]


def invented(number: int) -> Person:
    """Any number of further people, all different: first names and last names crossed, past the cast itself."""
    if number < len(PEOPLE):
        return PEOPLE[number]
    rest = number - len(PEOPLE)
    first = PEOPLE[rest % len(PEOPLE)].first
    shift = 1 + rest // len(PEOPLE)
    last = PEOPLE[(rest + shift) % len(PEOPLE)].last
    company = COMPANIES[(rest * 7 + shift) % len(COMPANIES)]
    turn = shift // len(PEOPLE)
    mark = str(shift) if shift > 1 else ""
    return Person(first, last + (f" {'I' * min(turn, 3)}" if turn else ""), company, _email(first, last, mark, company))


def _email(first: str, last: str, mark: str, company: Company) -> str:
    return f"{ascii_slug(first)}.{ascii_slug(last)}{mark}@{company.domain}"
