"""The door of a provider's API: counts, limits, breaks on request, and makes writes last before they are answered."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

import orjson

from integrations.sandbox.calls import Answer, Call, html_answer
from integrations.sandbox.faults import Rule
from integrations.sandbox.provider import Room
from integrations.sandbox.requestlog import Entry

PROXY_PAGE = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
HOLD, DROP, HALF = "hold", "drop", "half"  # what may happen to an answer on its way out


class Gate:
    def __init__(self, room: Room) -> None:
        self.room = room
        self._later: set[asyncio.Task[None]] = set()

    async def pass_through(self, call: Call) -> tuple[Answer, str | None]:
        """The answer, and what shall become of it: None, "drop" (say nothing) or "half" (break off)."""
        room, started = self.room, time.perf_counter()
        log = room.log
        log.in_flight += 1
        log.most_in_flight = max(log.most_in_flight, log.in_flight)
        caller, rule, fate, status = room.world.caller(call), None, None, 0
        try:
            if caller and (wait := room.limit.wait_for(caller)) is not None:
                answer = room.world.error(Rule("rate_limited", status=429, retry_after=wait))
            elif (rule := room.faults.take(call)) is not None:
                answer, fate = await self._break(call, rule)
            else:
                answer = self._do(call)
            status = 0 if fate == DROP else answer.status
            return answer, fate
        finally:
            log.in_flight -= 1
            took = round(time.perf_counter() - started, 6)
            fault = rule.fault if rule else None
            log.add(Entry(call.method, call.path, status, took, room.clock.now_ms(), caller, fault))

    def _do(self, call: Call) -> Answer:
        answer = self.room.world.answer(call)
        self.room.store.commit()
        return answer

    async def _break(self, call: Call, rule: Rule) -> tuple[Answer, str | None]:
        nothing = Answer(0, b"")
        match rule.fault:
            case "rate_limited" | "status":
                return self.room.world.error(rule), None
            case "status_after":
                self._do(call)
                return self.room.world.error(rule), None
            case "saved":
                return self.room.world.saved(self._do(call)), None
            case "timeout_before":
                await asyncio.sleep(rule.seconds)
                return nothing, DROP
            case "timeout_after":
                self._do(call)
                await asyncio.sleep(rule.seconds)
                return nothing, DROP
            case "slow":
                await asyncio.sleep(rule.seconds)
                return self._do(call), None
            case "drop_before":
                return nothing, DROP
            case "drop_after":
                self._do(call)
                return nothing, DROP
            case "truncated":
                return self._do(call), HALF
            case "html":
                return html_answer(PROXY_PAGE, 502), None
            case "html_ok":
                return html_answer("<html><body>Sign in to the network</body></html>"), None
            case "delayed_effect":
                self._do_later(call, rule.seconds)
                return nothing, DROP
            case _:
                return self._mix(self._do(call), rule), None

    def _do_later(self, call: Call, seconds: float) -> None:
        async def run() -> None:
            await asyncio.sleep(seconds)
            self._do(call)

        task = asyncio.create_task(run())
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    def _mix(self, answer: Answer, rule: Rule) -> Answer:
        """Repeat or reorder the records of a list answer; other answers stay as they are."""
        body: Any = orjson.loads(answer.body)
        key = self.room.provider.results_key
        records = body.get(key) if isinstance(body, dict) else None
        if not isinstance(records, list):
            return answer
        dice = random.Random(rule.seed)  # noqa: S311 - repeatable on purpose
        if rule.fault == "reordered":
            dice.shuffle(records)
        else:
            body[key] = [again for record in records for again in [record] * dice.choice((1, 1, 2))]
            if records and len(body[key]) == len(records):
                body[key].append(records[0])
        return Answer(answer.status, orjson.dumps(body), answer.content_type, answer.headers)
