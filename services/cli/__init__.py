"""`waypost …`, one file per noun. It speaks to the api over HTTP, or starts programs; it never imports workers."""
