"""Steps that write what earlier runs made into files."""
