"""What reads, runs and judges the pages of the book, and the tests of that."""
