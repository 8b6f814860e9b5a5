"""Steps that measure how good what is found and answered is."""
