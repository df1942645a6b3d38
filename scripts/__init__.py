"""What maintainers run by hand, and make targets that take more than a line."""
