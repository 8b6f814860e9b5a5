"""What cutting documents one way or another is worth, by how much of the wanted text reaches an answer engine."""
