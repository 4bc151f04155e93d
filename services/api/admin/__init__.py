"""Calls that set things up: bots, integrations, installations, connect links."""
