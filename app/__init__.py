"""Lianbing (练兵): a training-contest backend for law-enforcement officers."""
