"""What the benchmark of a page says of figures that it does not like."""
import unittest

import page


def trial(**fields):
    return {"lost": False, "in_between": True, "after_s": 0.7, "unmarked": 0, "marked": 0, **fields}


def figures(seen, p99=0.1):
    quick = {"median": 0.5, "p99": p99}
    return {"crossing_to_accepted_s": quick, "sample_to_accepted_s": {"p99": 0.1}, "killed": page.figures_of(seen)}


class Targets(unittest.TestCase):
    def test_what_is_met_is_not_mentioned(self):
        self.assertEqual(page.missed(figures([trial(), trial(marked=1)])), ([], []))

    def test_a_slow_page_is_said_and_a_lost_or_an_unmarked_one_is_a_failure(self):
        slow, wrong = page.missed(figures([trial(after_s=6.0), trial(unmarked=2), {"lost": True}], p99=1.4))
        self.assertEqual(len(slow), 2)
        self.assertEqual(wrong, ["killed: 1 lost", "killed: 2 twice_unmarked"])

    def test_pages_that_are_all_lost_are_counted(self):
        self.assertEqual(page.missed(figures([{"lost": True}]))[1], ["killed: 1 lost"])


if __name__ == "__main__":
    unittest.main()
