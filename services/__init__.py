"""Doors: how the outside reaches us."""
