"""The question bank: files and tables, legal bases, drawing and grading."""
