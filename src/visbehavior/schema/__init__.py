"""What the tables are: each column declared once."""
