"""What a release carries with it."""
