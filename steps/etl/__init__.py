"""Steps that bring writing into the document store."""
