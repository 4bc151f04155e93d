"""The floor everything stands on: records, decisions and storage. It imports neither services nor workers."""
