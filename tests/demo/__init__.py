"""`make demo`: the renewal of an Edge pool, told as a story and checked as a test."""
