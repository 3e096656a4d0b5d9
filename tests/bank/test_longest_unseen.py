"""The draw for somebody who has seen nearly everything: the longest unseen of a kind over all topics, then balance."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from app.bank.rules import ORDER, Pool, draw
from tests.bank.test_rules import TOPICS, drawable, pool_of
from tests.times import TODAY


def ago(days: int) -> dt.date:
    return TODAY - dt.timedelta(days)


@st.composite
def veterans(draw_):
    """Questions that were nearly all seen, on few days, and how many of each kind are wanted: never too many."""
    shapes = draw_(st.lists(st.tuples(st.sampled_from(ORDER), st.sampled_from(TOPICS)), min_size=1, max_size=40))
    items = [drawable(number, kind, topic) for number, (kind, topic) in enumerate(shapes)]
    days = draw_(st.lists(st.sampled_from([None, 1, 1, 2, 2, 3, 9]), min_size=len(items), max_size=len(items)))
    seen = {one.question_id: ago(day) for one, day in zip(items, days, strict=True) if day}
    held = Counter(one.kind for one in items)
    return items, seen, {kind: draw_(st.integers(0, held[kind])) for kind in ORDER}, draw_(st.text(max_size=5))


@settings(max_examples=500, deadline=None)
@given(veterans())
def test_the_longest_unseen_of_all_topics_come_first_then_topics_are_balanced(veteran):
    items, seen, counts, seed = veteran
    paper = draw(Pool(items), seed=seed, counts=counts, seen=seen, excluded=frozenset())
    assert paper == draw(Pool(items[::-1]), seed=seed, counts=counts, seen=dict(sorted(seen.items())), excluded=set())
    last = {one.revision_id: seen.get(one.question_id, dt.date.min) for one in items}
    by_id = {one.revision_id: one for one in items}
    used = Counter(by_id[one].topic for one in paper)
    for kind in ORDER:
        drawn = [one for one in paper if by_id[one].kind == kind]
        every = sorted(last[one.revision_id] for one in items if one.kind == kind)
        assert sorted(last[one] for one in drawn) == every[: counts[kind]]
        for one in drawn:
            equal = [o for o in items if o.kind == kind and last[o.revision_id] == last[one]]
            if used[by_id[one].topic] > 1:
                assert all(used[other.topic] for other in equal)


def test_a_question_of_yesterday_does_not_come_before_one_of_a_month_ago_for_its_topic():
    pool, items = pool_of(("single", "水", 3), ("single", "大气", 1), ("single", "土壤", 1))
    days = [30, 29, 28, 1, 1]
    seen = {one.question_id: ago(day) for one, day in zip(items, days, strict=True)}
    paper = draw(pool, seed="s", counts={"single": 3}, seen=seen, excluded=set())
    assert set(paper) == {one.revision_id for one in items[:3]}


def test_a_kind_does_not_lose_its_oldest_question_to_the_topic_of_another_kind():
    pool, items = pool_of(("single", "水", 1), ("single", "大气", 1), ("multiple", "水", 1), ("multiple", "大气", 1))
    days = [30, 29, 30, 1]
    seen = {one.question_id: ago(day) for one, day in zip(items, days, strict=True)}
    for seed in range(20):
        paper = draw(pool, seed=str(seed), counts={"single": 1, "multiple": 1}, seen=seen, excluded=set())
        assert paper == [items[0].revision_id, items[2].revision_id]


def test_topics_of_what_has_to_come_are_left_to_it_and_the_rest_is_spread():
    pool, items = pool_of(("single", "水", 4), ("single", "大气", 4), ("single", "土壤", 4))
    seen = {one.question_id: ago(30 if number < 2 else 5) for number, one in enumerate(items)}
    for seed in range(20):
        paper = draw(pool, seed=str(seed), counts={"single": 6}, seen=seen, excluded=set())
        topics = Counter(items[one.int - 10**6].topic for one in paper)
        assert topics == {"水": 2, "大气": 2, "土壤": 2}
        assert {one.revision_id for one in items[:2]} <= set(paper)


def test_everything_seen_comes_round_again_in_the_order_in_which_it_was_seen():
    pool, items = pool_of(*((kind, topic, 3) for kind in ORDER for topic in TOPICS[:4]))
    seen: dict[uuid.UUID, dt.date] = {}
    by_id = {one.revision_id: one.question_id for one in items}
    for day in range(24):
        paper = draw(pool, seed=f"o:{day}", counts=dict.fromkeys(ORDER, 2), seen=seen, excluded=set())
        today = TODAY + dt.timedelta(day)
        if day >= 6:
            assert {seen[by_id[one]] for one in paper} == {today - dt.timedelta(6)}
        seen |= {by_id[one]: today for one in paper}
