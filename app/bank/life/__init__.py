"""The life of a question: who reviewed it, what it may become, when its basis ends, and what the bank once was."""
