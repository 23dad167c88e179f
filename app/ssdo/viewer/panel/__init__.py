"""The panel: one module for each of its sections, and what they share."""
