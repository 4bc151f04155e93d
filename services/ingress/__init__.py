"""The public door: it reads, stamps, stores and answers. It decides nothing and holds no secret but the store's address."""
