"""Frozen records: what is passed on, stored and published. No behaviour beyond reading their own fields."""
