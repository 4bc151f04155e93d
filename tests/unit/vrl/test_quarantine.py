"""When a script is kept from running, and for how long."""

from __future__ import annotations

from shared.vrl.quarantine import QUARANTINE, Quarantine


class TestQuarantine:
    def test_does_not_begin_with_one_kill(self):
        quarantine = Quarantine()
        quarantine.add("script", 0.0)

        assert 0.0 == quarantine.remaining("script", 1.0)

    def test_holds_only_the_script_that_killed_twice(self):
        quarantine = Quarantine()
        quarantine.add("script", 0.0)
        quarantine.add("script", 10.0)

        assert QUARANTINE == quarantine.remaining("script", 10.0)
        assert 0.0 == quarantine.remaining("another", 10.0)

    def test_ends_and_begins_again_with_the_next_kill(self):
        quarantine = Quarantine()
        quarantine.add("script", 0.0)
        quarantine.add("script", 0.0)
        later = 2 * QUARANTINE

        assert 0.0 == quarantine.remaining("script", later)
        quarantine.add("script", later)
        assert QUARANTINE == quarantine.remaining("script", later)

    def test_forgets_a_single_kill_of_long_ago(self):
        quarantine = Quarantine()
        quarantine.add("script", 0.0)
        quarantine.add("script", 2 * QUARANTINE)

        assert 0.0 == quarantine.remaining("script", 2 * QUARANTINE)
