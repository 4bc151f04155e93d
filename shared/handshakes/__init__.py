"""
Requests that must be answered at once: a provider's check that a URL is ours.

Seven forms cover every provider of the reference: `query-echo` (Meta, Dropbox, Microsoft Graph), `json-echo`
(Slack, monday), `query-hmac` (LinkedIn), `json-hmac` (Zoom), `header-echo` (Asana), `empty` (Discord, pings)
and `static`. What a definition cannot say in one of them, its `fallbackHandlerScript` can.

Whatever is echoed goes out as text/plain or JSON with `nosniff`: the caller may be anybody, and the pages of
the connect flow share our origin.
"""

from shared.handshakes.answering import answer, brought_by, matching, reply_to
from shared.handshakes.checking import check
from shared.handshakes.records import Handshake

__all__ = ["Handshake", "answer", "brought_by", "check", "matching", "reply_to"]
