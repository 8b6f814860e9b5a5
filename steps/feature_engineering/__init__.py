"""Steps that bring documents into the vector index."""
