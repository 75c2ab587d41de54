"""Labelling in the console: which task is next, what is asked, what was answered."""
