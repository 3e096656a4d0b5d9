"""Drafts of praise (表扬) and of criticism (工作通报): proposed by the figures, sent only after two people approved."""
