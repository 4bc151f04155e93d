"""Botpress's runtime API: what an integration's own server calls, for one installation at a time."""
