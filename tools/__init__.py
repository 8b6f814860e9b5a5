"""What a person types: thin command lines without logic of their own."""
