"""Pictures without an imaging library: shapes on a sheet, written as SVG or painted as PNG."""
