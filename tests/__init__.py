"""What proves the package and the book."""
