"""What the life of an index costs whoever asks it meanwhile."""
