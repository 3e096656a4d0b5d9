"""A whole contest at the level of the rule: 21 days of quizzes and matches out of banks of any shape."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from app.bank.rules import ORDER, Pool, draw, questions_needed
from tests.bank.test_rules import QUIZ, TOPICS, drawable
from tests.times import TODAY

DAYS = 21
MATCH = {"single": 2, "true_false": 2, "multiple": 1}


@st.composite
def skewed(draw_, counts: dict[str, int]):
    """A pool with exactly so many questions of each kind, spread over topics as unevenly as it comes."""
    held = [
        (kind, topic)
        for kind in ORDER
        for topic in draw_(st.lists(st.sampled_from(TOPICS), min_size=counts[kind], max_size=counts[kind]))
    ]
    return [drawable(number, kind, topic) for number, (kind, topic) in enumerate(held)]


@settings(max_examples=25)
@given(skewed(questions_needed(QUIZ, DAYS)), st.integers())
def test_nobody_sees_a_question_twice_where_there_are_just_enough(items, officer):
    pool, seen = Pool(items), dict[uuid.UUID, dt.date]()
    question_of = {one.revision_id: one.question_id for one in items}
    for number in range(DAYS):
        day = TODAY + dt.timedelta(number)
        paper = draw(pool, seed=f"c:{officer}:{day}", counts=QUIZ, seen=seen, excluded=frozenset())
        assert seen.keys().isdisjoint(question_of[one] for one in paper)
        seen |= dict.fromkeys((question_of[one] for one in paper), day)
    assert len(seen) == len(items)


@settings(max_examples=25)
@given(skewed({"single": 40, "multiple": 30, "true_false": 30}), st.integers())
def test_with_matches_too_the_unseen_come_first_and_then_the_longest_unseen(items, officer):
    pool, seen = Pool(items), dict[uuid.UUID, dt.date]()
    by_revision = {one.revision_id: one for one in items}
    for number in range(DAYS):
        day, today = TODAY + dt.timedelta(number), set[uuid.UUID]()
        for paper_of_day, counts in enumerate((QUIZ, MATCH, MATCH)):
            seed = f"c:{officer}:{day}:{paper_of_day}"
            paper = [
                by_revision[one] for one in draw(pool, seed=seed, counts=counts, seen=seen, excluded=frozenset(today))
            ]
            assert paper == [
                by_revision[one] for one in draw(pool, seed=seed, counts=counts, seen=dict(seen), excluded=set(today))
            ]
            left = [one for one in items if one not in paper and one.question_id not in today]
            for one in paper:
                assert one.question_id not in today
                if one.question_id in seen:
                    alike = [other for other in left if other.kind == one.kind]
                    assert all(other.question_id in seen for other in alike)
                    of_topic = [seen[other.question_id] for other in alike if other.topic == one.topic]
                    assert all(seen[one.question_id] <= day_seen for day_seen in of_topic)
            today |= {one.question_id for one in paper}
            seen |= dict.fromkeys((one.question_id for one in paper), day)
    assert Counter(one.kind for one in items if one.question_id in seen) == {
        "single": 40,
        "multiple": 30,
        "true_false": 30,
    }
