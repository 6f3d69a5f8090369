"""From a recording to a scored report."""
