"""What a program is made of and how fast it could be: the figures behind ``microgpt stats``."""
