"""What a page costs its reader: under 150 kB for a first visit, and nothing jumps while it is drawn."""

from __future__ import annotations

import gzip

import pytest
from playwright.sync_api import Response, expect

from tests.browser import chromium

LIMIT_BYTES = 150_000
#: Web Vitals call up to 0.1 good; what a person can see is far below.
LIMIT_SHIFT = 0.01
PAGES = ("/", "/records/contact/", "/connections/", "/connections/new/", "/inbox/", "/activity/", "/settings/")
#: Of what stood on the page since its beginning, once the fonts are there and two more frames are drawn.
SHIFT = """async () => {
    let sum = 0;
    const add = list => list.forEach(entry => { if (!entry.hadRecentInput) sum += entry.value; });
    const observer = new PerformanceObserver(list => add(list.getEntries()));
    observer.observe({type: "layout-shift", buffered: true});
    await document.fonts.ready;
    for (let frame = 0; frame < 3; frame++) await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
    add(observer.takeRecords());
    return sum;
}"""


@pytest.fixture
def contacts(live_tenant):
    """A full first page, with letters of the second font."""
    from crm.models import Company, Contact

    company = Company.objects.create(name="Młyn Podgórze")
    Contact.objects.bulk_create(
        Contact(name=f"Małgorzata Šťastná {n}", email=f"m{n}@mlyn.example", phone=f"+48 12 655 20 {n}", company=company)
        for n in range(60)
    )


def test_a_first_visit_is_light_and_nothing_jumps(site, signed_in, contacts):
    page = signed_in()
    page.context.new_cdp_session(page).send("Network.setCacheDisabled", {"cacheDisabled": True})
    answers: list[Response] = []
    page.on("response", lambda got: answers.append(got))
    known: dict[str, int] = {}
    for viewport in (chromium.DESKTOP, chromium.PHONE):
        page.set_viewport_size(viewport)
        for path in PAGES:
            answers.clear()
            page.goto(site.home + path)
            expect(page.locator("[hx-trigger=load] .skeleton, .htmx-request")).to_have_count(0)
            shift = page.evaluate(SHIFT)
            sizes = {one.url: transferred(one, known) for one in answers}
            told = "\n".join(f"{size:>8} {url}" for url, size in sorted(sizes.items(), key=lambda one: -one[1]))
            assert 50_000 < sum(sizes.values()) < LIMIT_BYTES, f"{path} is too heavy, or not measured whole:\n{told}"
            assert shift < LIMIT_SHIFT, f"{path} jumps by {shift} at {viewport['width']} px"


def transferred(response: Response, known: dict[str, int]) -> int:
    """Bytes on the wire in production, where static files are kept compressed; in DEBUG they are served as they are."""
    if response.status >= 300:
        return 0
    if (size := known.get(response.url)) is None:
        body = response.body()
        size = len(body) if response.url.endswith(".woff2") else len(gzip.compress(body))
        if "/static/" in response.url:
            known[response.url] = size
    return size
