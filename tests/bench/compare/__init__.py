"""Takes turns with multihead and what a user would pick instead. Needs Python's own library only."""
