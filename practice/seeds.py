"""What a fresh workspace holds. A few of its people are also known to the demo's tenant, so that pairing has something to do.

Ids of rows are fixed: putting the workspace back makes them what they were, and what is paired stays paired.
"""

from __future__ import annotations

from typing import Any

STAGES = ["Lead", "Active", "Customer", "Former"]
TAGS = ["Newsletter 2026", "Press", "Referral", "Supplier", "Trade fair", "VIP"]
INDUSTRIES = ["Design", "Food", "Health", "Hospitality", "Manufacturing", "Media", "Services"]


def _field(ident: str, name: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"id": ident, "name": name, "type": kind, **more}


#: slug, name, fields
TABLES: list[tuple[str, str, list[dict[str, Any]]]] = [
    (
        "people",
        "People",
        [
            _field("name", "Name", "text", required=True),
            _field("email", "E-mail", "email"),
            _field("phone", "Phone", "phone"),
            _field("job", "Job title", "text"),
            _field("company", "Company", "relation", target="companies"),
            _field("status", "Status", "select", options=STAGES),
            _field("tags", "Tags", "multi_select", options=TAGS),
            _field("owner", "Owner", "person"),
            _field("birthday", "Birthday", "date"),
            _field("contacted", "Last contacted", "datetime"),
            _field("newsletter", "Newsletter", "boolean"),
            _field("score", "Score", "decimal"),
            _field("notes", "Notes", "long_text"),
        ],
    ),
    (
        "companies",
        "Companies",
        [
            _field("name", "Name", "text", required=True),
            _field("website", "Website", "url"),
            _field("industry", "Industry", "select", options=INDUSTRIES),
            _field("employees", "Employees", "integer"),
            _field("phone", "Phone", "phone"),
            _field("city", "City", "text"),
            _field("turnover", "Turnover", "money"),
            _field("files", "Files", "file"),
            _field("extra", "Extra", "json"),
        ],
    ),
    (
        "deals",
        "Deals",
        [
            _field("name", "Name", "text", required=True),
            _field("amount", "Amount", "money"),
            _field("stage", "Stage", "select", options=["Qualified", "Proposal", "Negotiation", "Won", "Lost"]),
            _field("close", "Close date", "date"),
            _field("company", "Company", "relation", target="companies"),
            _field("people", "Contacts", "relation", target="people", many=True),
        ],
    ),
]

_PEOPLE = """
p01|Femke Nolan|femke.nolan@sonnenhof.example|+49 30 5550 124|Art director|c01|Customer|Press|1988-03-14|yes|72.5
p02|Manon Krämer|manon.kramer@danubetextiles.example|+43 1 555 0127|Buyer|c02|Active|Trade fair|1979-11-02|no|41
p03|Kristina Ionescu|kristina.ionescu@kellybyrne.example|+353 1 555 0131|Project lead|c03|Lead|||no|12.5
p04|Orla Romano|orla.romano@ostergaard.example|+45 55 50 01 34|Shop manager|c04|Customer|VIP|1991-06-27|yes|88
p05|Signe Georgiou|signe.georgiou@cliniquelac.example|+41 44 555 01 40|Head of marketing|c05|Active|Referral||yes|55.5
p06|Emma Rossi|emma.rossi@novakpravo.example|+420 555 014 300|Accountant|c06|Former||1969-01-19|no|8
p07|Amara Okafor|amara.okafor@lanterne.example|+33 1 55 50 01 50|Owner|c07|Lead|Trade fair|1984-09-30|yes|33
p08|Benedikt Aigner|benedikt.aigner@hofladen.example|+43 662 555 0151|Managing director|c08|Customer|Supplier|1975-04-08|no|64
p09|Cécile Vasseur|cecile.vasseur@lanterne.example|+33 1 55 50 01 52|Brand manager|c07|Active|Press;VIP|1993-12-11|yes|47.5
p10|Duarte Pinto|duarte.pinto@azulejo.example|+351 21 555 0153|Head of production|c09|Customer|VIP|1982-02-25|no|91
p11|Elif Kaya|elif.kaya@azulejo.example|+351 21 555 0154|Sales|c09|Lead|Referral||yes|20
p12|Fiora Bassani|fiora.bassani@vetreria.example|+39 041 555 0155|Assistant to the management|c10|Active||1990-07-04|no|38.5
"""
_COMPANIES = """
c01|Verlag Sonnenhof|https://www.sonnenhof.example|Media|25|Berlin|3200000
c02|Danube Textiles|https://www.danubetextiles.example|Manufacturing|120|Wien|8750000
c03|Kelly & Byrne Architects|https://www.kellybyrne.example|Services|18|Dublin|1980000
c04|Østergaard Lys|https://www.ostergaard.example|Manufacturing|40|Aarhus|2400000
c05|Clinique du Lac|https://www.cliniquelac.example|Health|75|Zürich|6100000
c06|Škoda & Novák Právo|https://www.novakpravo.example|Services|12|Brno|940000
c07|Maison Lanterne|https://www.lanterne.example|Design|8|Lyon|610000
c08|Hofladen Aigner|https://www.hofladen.example|Food|5|Salzburg|380000
c09|Azulejo Novo|https://www.azulejo.example|Manufacturing|34|Lisboa|1720000
c10|Vetreria Bassani|https://www.vetreria.example|Design|21|Venezia|1150000
"""
_DEALS = """
d01|Spring catalogue for Maison Lanterne|12400|Proposal|2026-12-15|c07|p07;p09
d02|Labels for Hofladen Aigner|3850|Won|2026-10-02|c08|p08
d03|New website for Azulejo Novo|28500|Negotiation|2027-01-29|c09|p10
"""


def rows() -> dict[str, dict[str, dict[str, Any]]]:
    """{table: {row id: values}}"""
    people, companies, deals = {}, {}, {}
    for line in _PEOPLE.strip().splitlines():
        ident, name, email, phone, job, company, status, tags, birthday, newsletter, score = line.split("|")
        people[ident] = {
            "name": name,
            "email": email,
            "phone": phone,
            "job": job,
            "company": [company],
            "status": status,
            "tags": tags.split(";") if tags else None,
            "birthday": birthday or None,
            "newsletter": newsletter == "yes",
            "score": score,
        }
    for line in _COMPANIES.strip().splitlines():
        ident, name, website, industry, employees, city, turnover = line.split("|")
        companies[ident] = {
            "name": name,
            "website": website,
            "industry": industry,
            "employees": int(employees),
            "city": city,
            "turnover": {"amount": turnover, "currency": "EUR"},
        }
    for line in _DEALS.strip().splitlines():
        ident, name, amount, stage, close, company, contacts = line.split("|")
        deals[ident] = {
            "name": name,
            "amount": {"amount": amount, "currency": "EUR"},
            "stage": stage,
            "close": close,
            "company": [company],
            "people": sorted(contacts.split(";")),
        }
    people["p04"]["notes"] = "Likes the botanical labels.\nSend new designs first."
    people["p10"]["contacted"] = "2026-11-10T09:30:00Z"
    companies["c07"]["files"] = [{"name": "brief.pdf", "url": "https://files.example/brief.pdf"}]
    companies["c09"]["extra"] = {"payment": "30 days"}
    return {"people": people, "companies": companies, "deals": deals}
