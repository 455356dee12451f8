"""Serve the dashboard: streamlit run app.py"""

from __future__ import annotations

import streamlit as st

from strokeapp.errors import StrokeAppError
from strokeapp.ui.guard import enter, go_where_asked
from strokeapp.ui.leaving import turn_to
from strokeapp.ui.plain import plain
from strokeapp.ui.startup import warm_up

st.set_page_config(page_title="StrokeApp", layout="wide", initial_sidebar_state="expanded")
enter()
warm_up()
pages = [
    st.Page("pages/study.py", title="Study", default=True),
    st.Page("pages/performance.py", title="Performance"),
    st.Page("pages/explanations.py", title="Explanations"),
    st.Page("pages/model_card.py", title="Model card"),
    st.Page("pages/reader_study.py", title="Reader study"),
]
page = st.navigation(pages, position="top")
go_where_asked(pages)
turn_to(page.url_path)
try:
    page.run()
except StrokeAppError as error:
    st.error(plain(error.user_message))
