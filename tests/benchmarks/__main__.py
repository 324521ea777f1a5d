"""`make bench`: what the first import costs beside a bare loop, in one run on one machine.

Prints ratios, because absolute times say more about the machine than about the code:

* a bare loop that fetches 20,000 records from the sandbox and COPYs them, and the whole first import of the same records
  (mapped, matched, linked, in the change feed, logged);
* the requests of a quiet sync of 100,000 links;
* the peak memory of importing 10,000 and 100,000 records;
* making a tenant by cloning the template, beside migrating a new schema;
* a plan of that import: making it, downloading it, carrying it out;
* answering a tool's call, beside an address that does nothing (`hooks.py`);
* dispatching what is due among the rows of 10,000 tenants;
* with `limits` only: how much of the tools' limits four processes use together, and whether they are ever refused (`limits.py`);
* how much longer fifty small tenants wait beside one tenant's first import of 100,000 records (`fairness.py`).

`python -m tests.benchmarks quick` takes smaller numbers, `… fairness` only the last part, `… limits` only that. `… pages`
measures every page of a full tenant (`pages.py`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
PORT = int(os.environ.get("BENCH_PORT", "9077"))
CONTROL = f"http://127.0.0.1:{PORT}/_control/notion"
TOKEN = "ntn_sandbox_demo"
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Notion-Version": "2026-03-11"}


def main() -> None:
    if sys.argv[1:2] == ["pages"]:
        from tests.benchmarks import pages

        return pages.main(sys.argv[2:])
    if "fairness" in sys.argv[1:]:
        return fairness()
    if "limits" in sys.argv[1:]:
        return limits()
    quick = "quick" in sys.argv[1:]
    few, many = (2_000, 10_000) if quick else (20_000, 100_000)
    small = 1_000 if quick else 10_000
    sandbox = start_sandbox()
    try:
        seed(few)
        bare, whole = part("bare"), part("import")
        print(f"{few:,} records over HTTP, in one run")
        print(f"  bare loop (fetch, COPY)         {bare['seconds']:7.2f} s   {few / bare['seconds']:9,.0f} records/s")
        print(f"  first import                    {whole['seconds']:7.2f} s   {few / whole['seconds']:9,.0f} records/s")
        print(f"  import / bare loop              {bare['seconds'] / whole['seconds']:7.2f}     (at least 0.50)")
        seed(small)
        less = part("import")
        seed(many)
        more = part("import")
        print(f"quiet sync of {more['links']:,} links         {more['quiet_requests']:4} requests (at most 3)")
        print(f"peak memory, {small:,} records        {less['peak_mb']:7.0f} MB")
        print(f"peak memory, {many:,} records       {more['peak_mb']:7.0f} MB")
        plan = part("plan")
        print(f"plan of {plan['lines']:,} lines          {plan['seconds']:7.2f} s (import {more['seconds']:.2f} s)")
        print(f"  peak memory                     {plan['peak_mb']:7.0f} MB")
        print(f"  as CSV, {plan['rows']:,} rows         {plan['download']:7.2f} s")
        print(f"  carried out                     {plan['carried_out']:7.2f} s, {plan['left_out']} left out")
    finally:
        sandbox.terminate()
        sandbox.wait()
    tenant = part("tenant")
    print(f"tenant by cloning the template    {tenant['clone']:7.2f} s, by migrating {tenant['migrate']:.2f} s")
    due = part("dispatch")
    calls = part("hooks")
    print(
        f"a tool's call is answered in     {calls['median'] * 1000:8.1f} ms, 95th percentile {calls['p95'] * 1000:.1f} ms"
    )
    print(f"  an address that does nothing   {calls['nothing'] * 1000:8.1f} ms")
    print(f"dispatch, 10 due of 10,000        {due['many'] * 1000:7.2f} ms, of 10: {due['few'] * 1000:.2f} ms")
    fairness(many)


def fairness(many: int = 100_000) -> None:
    sandbox = start_sandbox()
    try:
        seed(many)
        httpx.post(f"{CONTROL}/seed", json={"seed": "crm", "contacts": 25}, timeout=300).raise_for_status()
        found = part("fairness")
    finally:
        sandbox.terminate()
        sandbox.wait()
    print(f"fifty small tenants beside an import of {many:,} records ({found['imported']:,} came in meanwhile)")
    for kind, words in (("crowd", "all ask at once"), ("single", "one after the other")):
        alone, beside = found["alone"][kind], found["beside"][kind]
        for name in ("median", "p95"):
            ratio = beside[name] / alone[name]
            print(
                f"  {words:20} {name:7} {alone[name]:6.2f} s alone {beside[name]:6.2f} s beside {ratio:6.2f} (at most 2)"
            )


def limits() -> None:
    for line in part("limits")["lines"]:
        print(line)


def start_sandbox() -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "integrations.sandbox", "--port", str(PORT), "--providers", "notion", "--no-limits"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    for _attempt in range(200):
        try:
            httpx.get(f"http://127.0.0.1:{PORT}/")
            return process
        except httpx.TransportError:
            time.sleep(0.1)
    raise SystemExit("the sandbox does not start")


def seed(number: int) -> None:
    httpx.post(f"{CONTROL}/reset", json={}).raise_for_status()
    httpx.post(f"{CONTROL}/seed", json={"seed": "bulk", "records": number}, timeout=300).raise_for_status()


def part(name: str) -> dict[str, Any]:
    """Run one part in a process of its own: its peak memory is then its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.parts", name, str(PORT)], cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
