"""The public door: it reads, stamps, stores, answers. It decides nothing and its one secret is the store's address."""
