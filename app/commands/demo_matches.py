"""Matches in the demo's history: many officers play at once, through the desks, at the instants of the past."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from app.bank.cache import Library
from app.matches.models import Mode
from app.matches.queries import read_matches
from app.matches.rules import windows
from app.matches.service import ANSWERS, MatchDesk
from app.matches.wishes import Wish
from app.papers.rules import choice_of
from app.papers.service import AnswerDesk, Submission

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable, Mapping, Sequence

    from app.bank.cache import BankCache
    from app.bank.queries import RevisionView
    from app.core.wiring import Services
    from app.matches.queries import MatchRead
    from app.matches.rules import Clock

    _Seat = tuple["Player", Mapping[str, Any]]  # who asked, and the ticket got

LONGEST = dt.timedelta(minutes=5)
"""From the asking to the end of the match of two who are silent, with room to spare."""
_ASKING = 20.0  # seconds within which those of a session ask: a wait lasts longer
_THINKING = (4.0, 24.0)  # seconds
_BATCH = 64  # the statement that takes answers of matches is quickest so
_GIVES_UP = 0.005  # the chance, at each question, that an officer leaves


@dataclass(frozen=True)
class Player:
    """An officer of the history: how likely to finish a day, how likely to be right."""

    account: str
    officer_id: uuid.UUID
    key: bytes
    diligence: float
    skill: float


class Session(NamedTuple):
    """Those who ask for a match at about the same time."""

    begins_at: dt.datetime
    players: Sequence[Player]


@dataclass
class _Game:
    """A match under way: its clock, who sits where, and when each question was answered so far."""

    match: MatchRead
    clock: Clock
    seats: dict[int, Player]
    answered_at: dict[tuple[int, int], dt.datetime] = field(default_factory=dict)


class _Move(NamedTuple):
    """An answer about to be given."""

    at: dt.datetime
    game: _Game
    seat: int
    submission: Submission


class Hall:
    """Where the history's matches are played: all matches of a round move on together, in full batches."""

    def __init__(self, services: Services, cache: BankCache) -> None:
        self._pool = services.database.answers
        self._library = Library(services.database, cache)
        self._matches = MatchDesk(services.database, cache)
        self._answers = AnswerDesk(services.database.answers, ANSWERS)
        self._random = random.Random("lianbing demo matches")  # noqa: S311 - a plausible history

    async def close(self) -> None:
        """Finish what is in flight."""
        await self._matches.close()
        await self._answers.close()

    async def round(self, sessions: Iterable[Session]) -> list[Player]:
        """Let those of each session play one match with each other, and return who played; nobody is in two sessions.

        Of an odd number the last one does without: a ticket left waiting would meet somebody of another group.
        """
        tickets: list[_Seat] = []
        for begins_at, players in sessions:
            pairs = players[: len(players) // 2 * 2]
            asked = [
                self._matches.ask(Wish(player.key, Mode.LIVE, None, begins_at + self._within(0, _ASKING)))
                for player in pairs
            ]
            tickets += zip(pairs, await asyncio.gather(*asked), strict=True)
        await self._play(tickets)
        return [player for player, _ in tickets]

    async def relays(self, session: Session) -> None:
        """Let each of these play against a recorded run."""
        asked = [self._matches.ask(Wish(player.key, Mode.RELAY, None, session.begins_at)) for player in session.players]
        await self._play(list(zip(session.players, await asyncio.gather(*asked), strict=True)))

    async def challenge(self, player: Player, opponent: str, at: dt.datetime) -> None:
        """Let an officer challenge a colleague by 工号 and play."""
        await self._play([(player, await self._matches.ask(Wish(player.key, Mode.CHALLENGE, opponent, at)))])

    def _within(self, least: float, most: float) -> dt.timedelta:
        return dt.timedelta(seconds=self._random.uniform(least, most))

    async def _play(self, seats: Sequence[_Seat]) -> None:
        """Play the matches of these seats to their end, and settle them."""
        if not seats:
            return
        by_officer = {player.officer_id: player for player, _ in seats}
        ids = list({ticket["match_id"] for _, ticket in seats})
        games = [_game(match, by_officer) for match in (await read_matches(self._pool, ids)).values()]
        texts = await self._library.revisions(revision for game in games for revision in game.match.revision_ids)
        for position in range(1, max(game.clock.questions for game in games) + 1):
            moves = sorted(self._moves(games, position, texts), key=lambda move: move.at)
            for batch in range(0, len(moves), _BATCH):
                await asyncio.gather(
                    *(self._answers.hand_in(move.submission) for move in moves[batch : batch + _BATCH])
                )
            for move in moves:
                move.game.answered_at[move.seat, position] = move.at
        await self._matches.sweep(max(windows(game.clock, game.answered_at)[-1].over_at for game in games))

    def _moves(self, games: Iterable[_Game], position: int, texts: Mapping[uuid.UUID, RevisionView]) -> list[_Move]:
        """Return the answers to one question of each match; who leaves gives none from then on."""
        moves = []
        for game in games:
            opens_at = windows(game.clock, game.answered_at)[position - 1].opens_at
            text = texts[game.match.revision_ids[position - 1]]
            for seat, player in list(game.seats.items()):
                if self._random.random() < _GIVES_UP:
                    del game.seats[seat]
                    continue
                at = opens_at + self._within(*_THINKING)
                choice = chosen(text, self._random, player.skill)
                moves.append(_Move(at, game, seat, Submission(player.key, str(game.match.id), position, choice, at)))
        return moves


def _game(match: MatchRead, by_officer: Mapping[uuid.UUID, Player]) -> _Game:
    seats = {
        number: by_officer[seat.officer_id]
        for number, seat in match.seats.items()
        if not seat.recorded and seat.officer_id in by_officer
    }
    return _Game(match, match.seats[min(seats)].clock, seats)


def chosen(text: RevisionView, rng: random.Random, skill: float) -> str:
    """Return the choice of somebody who is right with a chance of `skill`."""
    if rng.random() < skill:
        return choice_of(text.key)
    right = set(text.key)
    return next((key for key, _ in text.options if {key} != right), text.options[0][0])
