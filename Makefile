# make app    serves the dashboard at http://localhost:8501, to this machine only
# make test   runs every test
# make check  lints and checks formatting

PYTHON ?= python3
VENV ?= .venv
PORT ?= 8501
# There is no login: other machines are let in only where somebody says HOST=0.0.0.0.
HOST ?= localhost
BIN = $(VENV)/bin

.PHONY: app test check clean

app: $(VENV)/app.done
	$(BIN)/streamlit run app.py --server.address $(HOST) --server.port $(PORT) --server.headless true

test: $(VENV)/test.done
	bash tools/get_chromium.sh
	$(BIN)/python -m pytest

check: $(VENV)/test.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

$(VENV)/app.done: requirements.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/test.done: requirements.txt requirements-training.txt requirements-test.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements-test.txt
	touch $@

clean:
	rm -rf $(VENV)
