"""What commands share on a terminal: printing, tables, exit codes, signals, suggestions."""
