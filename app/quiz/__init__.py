"""The daily quiz (每日一测): when a paper is issued and what it means."""
