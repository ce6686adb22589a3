"""Pictures: charts as SVG and as text, from plain numbers. They know neither models nor runs."""
