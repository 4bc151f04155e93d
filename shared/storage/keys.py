"""
Every key Waypost writes, in one place; the scripts in `lua/` build the same names from the same prefix.

All keys of a cell share one hash tag, so a cell can move to another server, or sit on one slot of a cluster.
`waypost:{cell}:layout` tells which layout a cell has; `migration.py` makes this one of those before. The names stay
as they are, since what is sealed is bound to the name of its key.

================================= ======= ======================================================
key (after ``waypost:{cell}:``)    type    what it holds
================================= ======= ======================================================
record:ID                          hash    `Record` fields of a request or delivery; `came` is several, see `rows.py`
body:ID                            string  its `RawRequest`, msgpack
journal:ID                         hash    steps of the open record: NAME:intent, NAME:result
state:STATE                        zset    ids in that state, by time of acceptance (ms); leased ones by expiry (ms)
bytes                              hash    STATE: stored body bytes; `events`: the sum of `events-bytes`
queue                              zset    arq's queue: ready tickets by virtual time
suspects                           zset    tickets of records whose workers stopped twice: tried alone
duty                               string  the worker that tries them; expires
due                                zset    tickets of retrying records by due time (ms)
lanes                              hash    LANE: virtual time of its last ticket
lanes-open                         hash    n:LANE, b:LANE: open records of a lane, and the bytes of their bodies
vtime                              string  virtual time of the last claim
totals                             hash    counters that only grow: accepted, done, refused_memory, …
throughput:MINUTE                  hash    the same counters for one minute; expires
dedupe:KEY                         string  id of the first copy of a delivery; expires
copies                             hash    HOUR: delivery keys whose records are gone, by acceptance
children:ID                        zset    deliveries that a request was split into
order:WEBHOOKID                    zset    released records that go one after the other
unbound:INTEGRATION:IDENTIFIER     hash    `seq`, `bot`: what came up to then is nobody else's; `before`
gate:NAME                          hash    `kind`, `until` (ms), `reason`, `credit` (who may go now); e.g. `bot:ID`
gates                              zset    closed gates by when they let something through (ms)
behind:NAME                        zset    ids waiting behind that gate, by acceptance
parked:INTEGRATION:IDENTIFIER      zset    ids waiting for that identifier, by acceptance
identifier:INTEGRATION:IDENTIFIER  set     webhookIds bound to it; `subscription:ID` is a subscription
wake                               channel a ticket became ready
inbox:NAME                         channel replies for one ingress
worker:ID                          hash    a worker's last beat; expires
workers                            zset    worker ids by last beat (ms)
integration:NAME                   hash    `document:VERSION`: definition JSON; `current`: version
integrations                       set     names
door:NAME                          string  `Door` JSON, all the ingress may know
doors                              channel `door:NAME` or `hook:WEBHOOKID` that changed
secret:NAME                        hash    SECRET: sealed value
datakey:SCOPE                      string  wrapped data key
integration-ids                    hash    int_…: JSON [name, version]
tokens                             hash    id of a runtime token: hash of its value
bot:ID / bots                      hash/set
installation:WEBHOOKID             hash    `Installation` parts; sealed configuration
installations                      zset    webhookIds by creation (ms)
handshakes:INTEGRATION             hash    HANDSHAKE: a secret that it brought, sealed; expires
subscriptions:WEBHOOKID            hash    SUBSCRIPTION: its sealed secret, or nothing
aliases:BOT                        hash    ALIAS: webhookId
hook:WEBHOOKID                     string  integration name; all the ingress may know
state-of:WEBHOOKID:TYPE:OWNER:NAME hash    a state, sealed
states-of:WEBHOOKID                set     its states' keys
objects:WEBHOOKID:KIND             hash    ID: JSON of a user, conversation, message, event; `*ID`: terms
terms:WEBHOOKID:KIND               zset    TERM ID pairs by which objects are found, without scores
registrations                      zset    webhookIds by when they are registered again (ms)
register-every                     hash    WEBHOOKID: ms between two of these times
later                              zset    WEBHOOKID EVENT pairs by when they are told to the bot (ms)
later-of:WEBHOOKID                 hash    EVENT: JSON of an event that is held back
link:HASH                          string  `ConnectLink` JSON; expires
flow:ID                            string  `Flow` JSON; expires
flow-of:WEBHOOKID                  string  the installation's one current flow
round-trip:TRACE                   string  webhookId whose OAuth round trip without a flow has that trace; expires
ended-in:COOKIEHASH                string  the flow that ended last in a browser; expires
oauth-state:HASH                   string  flow id, then `used:FLOW`; expires
turn:WEBHOOKID                     string  who refreshes its tokens now; `register/WEBHOOKID`: who registers; expires
refresh-of:WEBHOOKID               hash    VERSION of tokens whose refresh was begun: since; expires
renewals                           zset    webhookIds by when to look at their tokens next (ms)
needs-reauth                       set     webhookIds whose user has to connect again
events:BOT                         stream  events of a bot without a URL
events-bytes                       zset    BOT: bytes of its stream, with what lies beside an event
events-since                       zset    BOT: when the oldest event in its stream came (ms)
events-read                        hash    BOT: the position up to which it has read
emitted:EVENT                      string  an event id that was stored already; expires
token:HASH                         string  a runtime token's claims
session:HASH                       string  1 while a console session is open; expires
audit                              stream  who changed what
layout-turns                       string  how many began to bring the cell to this layout
layout-turn                        string  the one that is at it now; expires
layout-fresh:KEY                           what KEY will be once all is counted
measured                           hash    SAMPLE of a counter or histogram: its sum over all processes
================================= ======= ======================================================
"""

from __future__ import annotations

import functools
import re

BRAND = "waypost"
LAYOUT = "4"
LAYOUTS_BEFORE = ("1", "2")  # 3 was in no version
NAMES = "1"
CELL = "c0"
_STRUCTURE = re.compile("[%:{}]")


def prefix(cell: str = CELL) -> str:
    """
    The part that all keys of a cell share.

    >>> prefix()
    'waypost:{c0}:1'
    """
    return f"{BRAND}:{{{cell}}}:{NAMES}"


def layout_stamp(cell: str = CELL) -> str:
    """
    Where the layout of a cell is noted; the one key that every layout has.

    >>> layout_stamp()
    'waypost:{c0}:layout'
    """
    return f"{BRAND}:{{{cell}}}:layout"


@functools.lru_cache(4096)  # most are asked for again and again
def key(*parts: str, cell: str = CELL) -> str:
    """
    One key of a cell. Parts that strangers choose are escaped, so no two names meet.

    >>> key("identifier", "linear", "org_42")
    'waypost:{c0}:1:identifier:linear:org_42'
    >>> key("identifier", "a:b", "c") == key("identifier", "a", "b:c")
    False
    """
    return ":".join([prefix(cell), *map(escape, parts)])


def escape(part: str) -> str:
    """
    *part* without the characters that structure a key.

    >>> escape("handle/name:x%{y}")
    'handle/name%3Ax%25%7By%7D'
    """
    if not _STRUCTURE.search(part):
        return part
    for character in "%:{}":
        part = part.replace(character, f"%{ord(character):02X}")
    return part


def unescape(part: str) -> str:
    """
    The part that was escaped.

    >>> unescape(escape("handle/name:x%{y}"))
    'handle/name:x%{y}'
    """
    for character in "}{:%":
        part = part.replace(f"%{ord(character):02X}", character)
    return part


def ticket(record_id: str, cell: str = CELL) -> str:
    """
    The arq job id of a record; the tag keeps arq's own keys in the cell.

    >>> ticket("req_1")
    '{c0}req_1'
    """
    return f"{{{cell}}}{record_id}"


def record_id(ticket_id: str) -> str:
    """
    The record that a ticket names.

    >>> record_id("{c0}req_1")
    'req_1'
    """
    return ticket_id.partition("}")[2]
