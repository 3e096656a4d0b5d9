"""Use cases of matches: asking for one, pairing, recorded opponents, challenges, giving up, settling what is over."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from app.bank.cache import Library
from app.contests.rules import BankTooSmall, closes_at
from app.core import metrics
from app.core.batching import Batcher
from app.core.clock import local_day
from app.core.errors import Busy, LianbingError, NotFound
from app.core.ids import new_id
from app.matches import challenges
from app.matches.making import Made, drawn, put_down
from app.matches.models import ANY, Mode, TicketState
from app.matches.relay import Seeker, of_asker, relay
from app.matches.rules import (
    WAIT,
    DayClosing,
    MatchRunning,
    NoRecording,
    QuestionClosed,
    QuestionNotOpen,
    TicketOpen,
    Waiting,
    last_start,
    pairings,
)
from app.matches.statements import (
    ACCURACY,
    BUSY,
    CANCEL,
    CLAIM,
    FORFEIT,
    FREE,
    LOCK,
    LOCK_ALL,
    MET_TODAY,
    OFFER_RELAY,
    OWN_PAPER,
    SETTLE_OWN,
    SWEEP,
    TICKETS,
    WAITED_IN,
    WRITE,
)
from app.matches.statements import WAIT as INSERT_TICKETS
from app.matches.wishes import Asker, Wish
from app.papers.asking import CONTEXT, locked_past, refusal_of, rules_of
from app.papers.hot_path import in_transaction
from app.papers.service import Kind

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from app.bank.cache import BankCache
    from app.contests.rules import PlayRules
    from app.core.database import Database
    from app.papers.asking import Past
    from app.papers.hot_path import Connection

log = structlog.get_logger(__name__)


def _not_open(row: Any) -> LianbingError:
    return QuestionNotOpen("这道题还没有开始，请稍候。", opens_at=row["opens_at"])


def _closed(_row: Any) -> LianbingError:
    return QuestionClosed("这道题的时间已到，此答案没有计入。")


def _no_match(_row: Any) -> LianbingError:
    return NotFound("没有找到这场对战。")


ANSWERS = Kind(
    "match-answers",
    WRITE,
    LOCK,
    {"question-not-open": _not_open, "question-closed": _closed, "not-found": _no_match},
    frozenset({"again", "question-closed"}),
)
"""How answers of matches are taken on the hot path."""


_NAMED = frozenset({Mode.RELAY, Mode.CHALLENGE})
"""Wishes whose opponent is there already, or need not be."""
_PAIRINGS = 8
"""How often pairs are sought anew where some had no match to be drawn; whoever is left then waits for the next sweep."""
_NAMED_AT_ONCE = 8
"""Relays and challenges in one transaction: each is sought by itself, and the transaction must end within its 5 s."""


class MatchDesk:
    """Takes wishes for matches in batches, pairs who waits, and settles what is over; any process may do each."""

    def __init__(self, database: Database, cache: BankCache) -> None:
        self._pool = database.answers
        self._library = Library(database, cache)
        self._batcher: Batcher[Wish, dict[str, Any]] = Batcher(self._write)
        self._named: Batcher[Wish, dict[str, Any]] = Batcher(self._write, most=_NAMED_AT_ONCE)

    async def ask(self, wish: Wish) -> dict[str, Any]:
        """Return the ticket of a wish, matched at once where an opponent is there (its row as TICKETS gives it).

        Raises what opening a quiz raises, and MatchRunning, TicketOpen, DayClosing, NoRecording, NoOpponent,
        ChallengePending, ChallengeClosed, BankTooSmall or Busy.
        """
        batcher = self._named if wish.mode in _NAMED else self._batcher
        return await batcher.submit(wish)

    async def close(self) -> None:
        """Finish what was asked for and take no more."""
        await self._batcher.close()
        await self._named.close()

    async def cancel(self, officer_id: uuid.UUID, ticket_id: uuid.UUID) -> None:
        """Give up waiting; again is as well. Raises NotFound, or MatchRunning where an opponent came first."""

        async def work(connection: Connection) -> Any:
            return await connection.fetchrow(CANCEL, ticket_id, officer_id)

        row = await in_transaction(self._pool, work)
        if row is None:
            raise NotFound("没有找到这张对战票。")
        if row["state"] == TicketState.PLAYING:
            raise MatchRunning("对手已经匹配，对战已开始。", match_id=str(row["match_id"]))

    async def forfeit(self, officer_id: uuid.UUID, match_id: uuid.UUID, at: dt.datetime | None) -> bool:
        """Give a match up: it ends now, lost; return whether this request ended it. Raises NotFound."""

        async def work(connection: Connection) -> bool:
            if not await connection.fetchval(OWN_PAPER, match_id, officer_id):
                raise NotFound("没有找到这场对战。")
            run_id = await connection.fetchval(FORFEIT, match_id, officer_id, at)
            await connection.execute(FREE, run_id)
            return run_id is not None

        return await in_transaction(self._pool, work)

    async def sweep(self, at: dt.datetime | None) -> int:
        """Settle runs that are over, end waits that are over, pair who still waits; return how many were paired.

        Every process calls it again and again: nothing that is due depends on anybody's reading.
        """

        async def settle(connection: Connection) -> list[uuid.UUID]:
            await connection.execute(SWEEP, at or await connection.fetchval("SELECT clock_timestamp()"))
            return [row["contest_id"] for row in await connection.fetch(WAITED_IN)]

        if not at and not await self._pool.fetchval(_ANYTHING_DUE):
            return 0
        # Settling holds runs that answers may wait for: it is over before anybody waits for officers.
        paired = 0
        for contest_id in await in_transaction(self._pool, settle):
            paired += await in_transaction(self._pool, partial(self._pair_waiting, contest_id, at))
        return paired

    async def _pair_waiting(self, contest_id: uuid.UUID, at: dt.datetime | None, connection: Connection) -> int:
        now = at or await connection.fetchval("SELECT clock_timestamp()")
        claimed = await _claim(connection, now, [contest_id])
        await _lock(connection, claimed)
        return await self._pair(connection, claimed, now)

    async def _write(self, wishes: Sequence[Wish]) -> list[dict[str, Any] | Exception]:
        metrics.BATCHES.labels("tickets").observe(len(wishes))

        async def work(connection: Connection) -> list[dict[str, Any] | Exception]:
            return await self._take(connection, wishes)

        return await in_transaction(self._pool, work)

    async def _take(self, connection: Connection, wishes: Sequence[Wish]) -> list[dict[str, Any] | Exception]:
        tokens, _, _, instants = zip(*wishes, strict=True)
        rows = await connection.fetch(CONTEXT, list(range(len(wishes))), list(tokens), list(instants))
        results: dict[int, LianbingError] = {}
        askers: dict[int, Asker] = {}
        for row, wish in zip(rows, wishes, strict=True):
            refusal = refusal_of(row) or _too_late(row)
            if refusal:
                results[row["ord"]] = refusal
            else:
                askers[row["ord"]] = Asker(row, rules_of(row["rules"]), wish, new_id())
        results |= await _held(connection, [row for row in rows if row["ord"] in results])
        tickets = await self._wait(connection, askers, results)
        if tickets:
            await self._serve(connection, tickets, results)
        held = {
            row["id"]: dict(row)
            for row in await connection.fetch(TICKETS, [asker.ticket_id for asker in tickets.values()])
        }
        return [results.get(number) or held[askers[number].ticket_id] for number in range(len(wishes))]

    async def _wait(
        self, connection: Connection, askers: Mapping[int, Asker], results: dict[int, LianbingError]
    ) -> dict[int, Asker]:
        """Give each asker who is free a waiting ticket; whoever plays or waits already is told so."""
        if not askers:
            return {}
        now = max(asker.row["at"] for asker in askers.values())
        await connection.execute(SETTLE_OWN, [asker.officer_id for asker in askers.values()], now)
        rows = [_ticket_row(asker) for asker in askers.values()]
        columns = [list(column) for column in zip(*rows, strict=True)]
        ours = {row["id"] for row in await connection.fetch(INSERT_TICKETS, *columns)}
        turned_away = [asker.officer_id for asker in askers.values() if asker.ticket_id not in ours]
        busy = {row["officer_id"]: row for row in await connection.fetch(BUSY, turned_away)} if turned_away else {}
        for number, asker in askers.items():
            if asker.ticket_id not in ours:
                results[number] = _busy(busy.get(asker.officer_id))
        return {number: asker for number, asker in askers.items() if asker.ticket_id in ours}

    async def _serve(
        self, connection: Connection, tickets: Mapping[int, Asker], results: dict[int, LianbingError]
    ) -> None:
        """Seat those whose opponent is known, then pair the rest; a wish that fails takes its ticket back."""
        now = max(asker.row["at"] for asker in tickets.values())
        # Who names an opponent does not wait: the tickets that do are left to those who pair them.
        waits = any(asker.wish.mode not in _NAMED for asker in tickets.values())
        claimed = await _claim(connection, now, *_places(tickets.values())) if waits else []
        await _lock(connection, claimed, tickets.values())
        failed: dict[str, LianbingError] = {}
        for number, asker in tickets.items():
            try:
                if asker.wish.mode == Mode.CHALLENGE:
                    await challenges.challenge(connection, self._library, asker)
                elif asker.wish.mode == Mode.RELAY:
                    row = asker.row
                    accuracy = await connection.fetchval(ACCURACY, row["contest_id"], asker.officer_id, row["day"])
                    if not await relay(connection, self._library, of_asker(asker, accuracy)):
                        raise NoRecording("暂时没有适合您的记录对战，请改为匹配在线对手，或稍后再试。")
            except LianbingError as error:
                results[number] = failed[str(asker.ticket_id)] = error
        if failed:
            await connection.execute("DELETE FROM ticket WHERE id = ANY($1::uuid[])", list(failed))
            # A second tap in this batch was told of a ticket that is gone now.
            for number, told in results.items():
                results[number] = failed.get(told.facts.get("ticket_id", ""), told)
        await self._pair(connection, claimed, now)

    async def _pair(self, connection: Connection, claimed: Sequence[Any], now: dt.datetime) -> int:
        """Pair who waits by the rule, and give a recorded opponent to those left who take one."""
        by_contest: dict[uuid.UUID, list[Any]] = defaultdict(list)
        for row in claimed:
            by_contest[row["contest_id"]].append(row)
        paired = 0
        for rows in by_contest.values():
            paired += await self._pair_contest(connection, rows, now)
        return paired

    async def _pair_contest(self, connection: Connection, rows: Sequence[Any], now: dt.datetime) -> int:
        rules = rules_of(rows[0]["rules"])
        by_ticket = {row["id"]: row for row in rows}
        made = await self._paired(connection, by_ticket, rules, now)
        await put_down(connection, made)
        left = set(by_ticket) - {ticket_id for one in made for ticket_id, _ in one.holders}
        for ticket_id in sorted(left):
            if by_ticket[ticket_id]["mode"] == ANY:
                await relay(connection, self._library, Seeker.of_claim(by_ticket[ticket_id], rules, now))
        await connection.execute(OFFER_RELAY, sorted(left), rows[0]["contest_id"], rules.matches.questions, now)
        return len(made)

    async def _paired(
        self, connection: Connection, by_ticket: Mapping[uuid.UUID, Any], rules: PlayRules, now: dt.datetime
    ) -> list[Made]:
        """Return live matches for these tickets; two for whom none can be drawn are paired with others instead."""
        rows = list(by_ticket.values())
        day = rows[0]["day"]  # of them all; no ticket waits beyond the day's last start
        officers = [row["officer_id"] for row in rows]
        met = await connection.fetch(MET_TODAY, officers, day)
        met_today = {frozenset((row["first"], row["second"])) for row in met}
        queue = [
            Waiting(row["id"], row["officer_id"], row["unit_id"], row["created_at"], row["accuracy"]) for row in rows
        ]
        if len(queue) == 1:
            return []
        pasts = await locked_past(connection, self._library, officers, day=day, now=now)
        drawn_for: dict[tuple[Waiting, Waiting], Made] = {}
        apart: set[frozenset[uuid.UUID]] = set()
        for _ in range(_PAIRINGS):
            pairs = pairings(queue, met_today, apart)
            tried = len(apart)
            for pair in pairs:
                if pair not in drawn_for:
                    of_both = [pasts[one.officer_id] for one in pair]
                    try:
                        drawn_for[pair] = await self._live(by_ticket[pair[0].ticket_id], rules, pair, of_both, now)
                    except BankTooSmall as error:
                        log.warning("no match could be drawn", detail=str(error))
                        apart.add(frozenset(one.officer_id for one in pair))
            if len(apart) == tried:
                break
        return [drawn_for[pair] for pair in pairs if pair in drawn_for]

    async def _live(
        self, row: Any, rules: PlayRules, pair: Iterable[Waiting], pasts: Sequence[Past], now: dt.datetime
    ) -> Made:
        pool = await self._library.pool(
            version=row["bank_version"], owners=list(row["contest_unit_path"]), day=row["day"]
        )
        match_id = new_id()
        return Made(
            match_id=match_id,
            contest_id=row["contest_id"],
            day=row["day"],
            rules=rules,
            mode=Mode.LIVE,
            revision_ids=drawn(pool, rules, match_id, pasts),
            holders=[(ticket.ticket_id, ticket.officer_id) for ticket in pair],
            now=now,
            bank_version=pool.version,
        )


async def _claim(
    connection: Connection, now: dt.datetime, contests: Collection[uuid.UUID], officers: Collection[uuid.UUID] = ()
) -> Sequence[Any]:
    claimed: Sequence[Any] = await connection.fetch(CLAIM, now, local_day(now), contests, officers)
    return claimed


def _places(askers: Collection[Asker]) -> tuple[list[uuid.UUID], list[uuid.UUID]]:
    """Return the contests in which these ask, and who they are."""
    return list({asker.row["contest_id"] for asker in askers}), [asker.officer_id for asker in askers]


async def _lock(connection: Connection, claimed: Iterable[Any], askers: Collection[Asker] = ()) -> None:
    """Lock, in one statement, every officer who may be handed a paper now.

    Two transactions that took such locks one after the other could wait for each other.
    """
    officers = [*(row["officer_id"] for row in claimed), *(asker.officer_id for asker in askers)]
    named = [asker.wish.opponent for asker in askers if asker.wish.opponent]
    await connection.execute(LOCK_ALL, officers, named)


_ANYTHING_DUE = """
SELECT EXISTS (SELECT FROM match_run WHERE settled_at IS NULL AND ends_at <= clock_timestamp())
    OR EXISTS (SELECT FROM ticket WHERE state = 'waiting')
"""


def _last_start(rules: PlayRules, day: dt.date) -> dt.datetime:
    return last_start(closes_at(rules, day), questions=rules.matches.questions, seconds=rules.matches.seconds)


def _too_late(row: Any) -> LianbingError | None:
    rules = rules_of(row["rules"])
    if row["at"] < _last_start(rules, row["day"]):
        return None
    return DayClosing("临近今日截止，来不及完成一场对战，请明天再来。", closes_at=closes_at(rules, row["day"]))


def _ticket_row(asker: Asker) -> tuple[Any, ...]:
    row = asker.row
    expires_at = min(row["at"] + WAIT, _last_start(asker.rules, row["day"]))
    return (asker.ticket_id, row["contest_id"], asker.officer_id, row["day"], asker.wish.mode, row["at"], expires_at)


async def _held(connection: Connection, refused: Sequence[Any]) -> dict[int, LianbingError]:
    """Return, of those refused, who plays or waits already: a retry after a lost reply is told so, whatever came since."""
    known = [row for row in refused if refusal_of(row, holds=True) is None]
    if not known:
        return {}
    officers = [row["officer_id"] for row in known]
    await connection.execute(SETTLE_OWN, officers, max(row["at"] for row in known))
    busy = {row["officer_id"]: row for row in await connection.fetch(BUSY, officers)}
    return {row["ord"]: _busy(busy[row["officer_id"]]) for row in known if row["officer_id"] in busy}


def _busy(row: Any) -> LianbingError:
    if row is not None and row["state"] == TicketState.PLAYING:
        return MatchRunning("您有一场对战正在进行，请先完成。", match_id=str(row["match_id"]))
    if row is None:  # the other ticket was given back this very moment
        return Busy("您的另一次请求正在处理，请稍后自动重试。")
    return TicketOpen("您已在等待对手，请稍候。", ticket_id=str(row["id"]))
