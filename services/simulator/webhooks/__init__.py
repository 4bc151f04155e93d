"""Webhooks as the providers send them: payloads, signatures, and ways to get them wrong."""
