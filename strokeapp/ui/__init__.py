"""Everything Streamlit: what a page is drawn with."""
