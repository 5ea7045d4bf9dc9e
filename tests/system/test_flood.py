"""Many alike requests at once in a channel that takes one message a second: none is lost, other channels notice nothing, and
votes go on. bench/flood measures the same with a thousand."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench" / "flood"))


class Flood(unittest.TestCase):
    def test_what_is_asked_a_hundred_times_stands_on_a_few_lists_and_none_of_it_is_lost(self):
        import flood
        said = flood.flood(requests=90, seconds=3.0, channels=8)
        self.assertEqual(said["lost"], 0, said)
        self.assertEqual(said["shown"], 90, said)
        self.assertLessEqual(said["messages"], 2 + 12 + 2, said)
        self.assertEqual(said["other channels"], 8, said)
        self.assertGreater(said["votes meanwhile"], 0, said)


if __name__ == "__main__":
    unittest.main()
