# Two commands: `make run` starts the dashboard, `make test` runs the whole suite.
# `make lock` writes what the container installs, with hashes, from constraints.txt;
# `make audit` asks the index of known vulnerabilities about every pinned package.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8501

.PHONY: run test check lock audit clean

run: $(VENV)/installed
	$(BIN)/streamlit run app.py --server.port $(PORT)

test: $(VENV)/installed-test
	$(BIN)/python -m pytest

check: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy calmscore *.py
	cd tests && $(abspath $(BIN))/mypy .
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml calmscore deploy *.py

lock: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9,<1'
	$(BIN)/uv pip compile pyproject.toml --extra server --extra postgres --extra sign-in \
		--extra training --constraints constraints.txt --generate-hashes --universal \
		--python-version 3.11 --only-binary :all: --no-annotate --no-header --quiet \
		--output-file deploy/requirements.txt

audit: $(VENV)/installed-test
	$(BIN)/pip-audit --strict --no-deps --disable-pip --requirement constraints.txt

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		--config-settings editable_mode=compat -e '.[server,training]'
	touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		--config-settings editable_mode=compat -e '.[test]'
	touch $@

clean:
	rm -rf $(VENV)
