"""How well the extractive engine answers and refuses, and the recipe of its weights."""
