"""What was said: the words of both sides of a call, after its score."""
