"""Error and cost: references, metrics, timings, plots and image files."""
