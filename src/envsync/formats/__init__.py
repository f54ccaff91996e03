"""Text in, text out: the formats that others define, and the few of envsync's own."""
