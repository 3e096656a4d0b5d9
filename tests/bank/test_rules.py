"""The draw: kinds exactly, topics balanced, unseen first, the same for the same seed, spread over the bank."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.bank.rules import ORDER, Drawable, Pool, draw, is_case, questions_needed
from app.contests.rules import BankTooSmall
from tests.times import TODAY

TOPICS = ["水", "大气", "土壤", "噪声", "辐射", "海洋"]
QUIZ = {"single": 4, "multiple": 3, "true_false": 3}


def drawable(number: int, kind: str, topic: str) -> Drawable:
    return Drawable(uuid.UUID(int=number + 10**6), uuid.UUID(int=number), kind, topic, 30, case=False)


def pool_of(*cells: tuple[str, str, int]) -> tuple[Pool, list[Drawable]]:
    held = [(kind, topic) for kind, topic, count in cells for _ in range(count)]
    items = [drawable(number, kind, topic) for number, (kind, topic) in enumerate(held)]
    return Pool(items), items


BANK, ITEMS = pool_of(*((kind, topic, 12) for kind in ORDER for topic in [*TOPICS, *(t + "2" for t in TOPICS)]))


@st.composite
def situations(draw_):
    """A pool of any shape, what the officer saw, what is excluded, and counts."""
    items = [
        drawable(number, kind, topic)
        for number, (kind, topic) in enumerate(
            draw_(st.lists(st.tuples(st.sampled_from(ORDER), st.sampled_from(TOPICS)), max_size=40))
        )
    ]
    ids = [item.question_id for item in items] + [uuid.UUID(int=999)]
    seen = draw_(st.dictionaries(st.sampled_from(ids), st.dates(TODAY - dt.timedelta(9), TODAY)))
    excluded = draw_(st.sets(st.sampled_from(ids)))
    counts = {kind: draw_(st.integers(0, 4)) for kind in ORDER}
    return items, seen, excluded, counts, draw_(st.text(max_size=5))


@settings(max_examples=400, deadline=None)
@given(situations())
def test_a_draw_keeps_its_promises(situation):
    items, seen, excluded, counts, seed = situation
    eligible = [item for item in items if item.question_id not in excluded]
    held = Counter(item.kind for item in eligible)
    if any(held[kind] < count for kind, count in counts.items()):
        with pytest.raises(BankTooSmall):
            draw(Pool(items), seed=seed, counts=counts, seen=seen, excluded=excluded)
        return
    by_id = {item.revision_id: item for item in items}
    paper = [by_id[one] for one in draw(Pool(items), seed=seed, counts=counts, seen=seen, excluded=excluded)]

    assert [item.kind for item in paper] == [kind for kind in ORDER for _ in range(counts[kind])]
    assert len(set(paper)) == len(paper)
    assert not {item.question_id for item in paper} & excluded
    used = Counter(item.topic for item in paper)
    left = [item for item in eligible if item not in paper]
    for item in paper:
        last = seen.get(item.question_id, dt.date.min)
        others = [(other, seen.get(other.question_id, dt.date.min)) for other in left if other.kind == item.kind]
        assert all(last <= day for _, day in others)
        if used[item.topic] > 1:
            # No question of an unused topic, as long unseen, could stand in its place.
            assert all(used[other.topic] for other, day in others if day == last)


@settings(deadline=None)
@given(st.randoms(use_true_random=False), st.text(max_size=10))
def test_the_same_seed_gives_the_same_paper_whatever_the_order_of_the_pool(order, seed):
    shuffled = list(ITEMS)
    order.shuffle(shuffled)
    paper = draw(BANK, seed=seed, counts=QUIZ, seen={}, excluded=frozenset())
    assert paper == draw(Pool(shuffled), seed=seed, counts=QUIZ, seen={}, excluded=set())


def test_a_topic_that_another_kind_can_leave_is_left():
    pool, _ = pool_of(("single", "水", 5), ("single", "大气", 5), ("multiple", "水", 5))
    for seed in range(30):
        paper = draw(pool, seed=str(seed), counts={"single": 1, "multiple": 1}, seen={}, excluded=set())
        assert paper[0].int - 10**6 in range(5, 10)


def test_a_day_after_day_nothing_repeats_before_all_was_seen():
    pool, items = pool_of(*((kind, topic, 6) for kind in ORDER for topic in TOPICS))
    seen: dict[uuid.UUID, dt.date] = {}
    for day in range(18):
        paper = draw(
            pool, seed=f"o:{day}", counts={"single": 2, "multiple": 2, "true_false": 2}, seen=seen, excluded=set()
        )
        fresh = {item.question_id for item in items if item.revision_id in paper}
        assert not fresh & set(seen)
        seen |= dict.fromkeys(fresh, TODAY + dt.timedelta(day))
    assert len(seen) == len(items)


def test_what_was_seen_longest_ago_comes_back_first():
    pool, items = pool_of(("single", "水", 3), ("single", "大气", 3))
    seen = {item.question_id: TODAY - dt.timedelta(number) for number, item in enumerate(items)}
    paper = draw(pool, seed="s", counts={"single": 3}, seen=seen, excluded={items[5].question_id})
    assert set(paper) == {items[4].revision_id, items[2].revision_id, items[3].revision_id}


def test_papers_of_many_officers_spread_over_the_whole_bank():
    counts: Counter[uuid.UUID] = Counter()
    for officer in range(6000):
        counts.update(draw(BANK, seed=f"c:{officer}:d", counts=QUIZ, seen={}, excluded=frozenset()))
    for kind, wanted in QUIZ.items():
        expected = 6000 * wanted / 144
        drawn = [counts[item.revision_id] for item in ITEMS if item.kind == kind]
        assert min(drawn) > expected * 0.65
        assert max(drawn) < expected * 1.35


def test_large_topics_give_more_papers_a_question():
    pool, items = pool_of(*(("single", topic, 4 * (1 + number % 2)) for number, topic in enumerate(TOPICS)))
    counts: Counter[uuid.UUID] = Counter()
    for officer in range(6000):
        counts.update(draw(pool, seed=str(officer), counts={"single": 1}, seen={}, excluded=frozenset()))
    assert max(counts.values()) < 1.6 * min(counts[item.revision_id] for item in items)


def test_a_draw_over_ten_thousand_questions_looks_at_few_of_them(monkeypatch):
    items = [drawable(n, ORDER[n % 3], f"专题{n % 20}") for n in range(10_000)]
    pool = Pool(items)
    looks = Counter[str]()
    monkeypatch.setattr(uuid.UUID, "__hash__", lambda self: looks.update(["hash"]) or self.int)
    seen = {item.question_id: TODAY for item in random.Random(1).sample(items, 300)}
    looks.clear()
    draw(pool, seed="s", counts=QUIZ, seen=seen, excluded=frozenset())
    assert looks["hash"] < 1500


def test_too_small_a_bank_tells_the_administrator_what_to_do():
    pool, _ = pool_of(("single", "水", 4), ("multiple", "水", 2), ("true_false", "水", 9))
    with pytest.raises(BankTooSmall) as caught:
        draw(pool, seed="s", counts=QUIZ, seen={}, excluded=frozenset())
    assert caught.value.facts == {"kind": "multiple", "available": 2, "needed": 3}
    assert "请管理员导入或启用更多多选题" in caught.value.detail


def test_an_empty_order_is_an_empty_paper():
    assert draw(Pool([]), seed="s", counts={}, seen={}, excluded=frozenset()) == []


def test_questions_needed_for_a_contest_without_repeats():
    assert questions_needed(QUIZ, 21) == {"single": 84, "multiple": 63, "true_false": 63}


@pytest.mark.parametrize(
    "stem",
    [
        "某厂2026年9月超标排放，执法人员应当（　）。",
        "张某不服处罚决定，可以（　）。",
        "甲公司明知乙无证仍委托其处置，对甲公司应当（　）。",
        "2026年9月12日，一辆货车遗洒污染物。",
        "2026年10月，执法人员使用了扣押的车辆。",
        "执法人员在巡查中发现有人倾倒废液，情况紧急，应当（　）。",
    ],
)
def test_a_stem_about_somebody_is_a_case(stem):
    assert is_case(stem)


@pytest.mark.parametrize(
    "stem",
    [
        "当事人要求听证的，应当在行政机关告知后的（　）提出。",
        "执法人员对企业当场作出罚款决定的最高限额是（　）。",
        "自2026年8月15日起施行的是（　）。",
        "2026年8月15日以前的行为适用（　）。",
        "某些情形下可以不予处罚。",
        "含甲醛、甲苯的废气应当（　）。",
    ],
)
def test_a_rule_is_no_case(stem):
    assert not is_case(stem)


def test_matches_draw_short_stems_that_are_no_cases():
    one = drawable(1, "single", "水")
    pool = Pool(
        [
            one,
            replace(one, question_id=uuid.UUID(int=2), stem_length=61),
            replace(one, question_id=uuid.UUID(int=3), case=True),
        ]
    )
    assert set(pool.short(60).place) == {one.question_id}
    assert pool.short(60) is pool.short(60)
