"""
Work with outside effects, written without any: generators that yield what is to be done and are sent what came of it.

The worker performs them with real effects, the simulation with a model of the world; both run this very code.
"""
