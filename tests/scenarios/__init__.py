"""Acceptance tests: whole stories of the product, and what must hold for every call."""

import pytest

pytest.register_assert_rewrite("tests.scenarios.comparing", "tests.scenarios.day", "tests.scenarios.expected_texts")
