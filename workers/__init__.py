"""Hands: take work from the ledger and finish it. They listen on no public port."""
