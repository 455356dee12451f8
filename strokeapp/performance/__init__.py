"""Turn stored predictions into figures: curves, operating points, intervals, calibration, tables.

Pure functions over NumPy and pandas; no network, no database, no Streamlit.
"""
