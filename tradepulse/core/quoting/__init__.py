"""Strategies that work orders on a book, rather than asking for targets bar by bar."""
