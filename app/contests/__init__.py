"""Contests: dates, phases, enrolment and the rules of play."""
