# make demo         three simulated mice, released, opened as the real data set is, measured and drawn, in demo/
# make test         lint, types, the import table, the tests on the installed package; makes .venv first
# make test-lowest  the tests with the lowest versions that pyproject.toml allows
# make fuzz         1,000 damaged files, 10,000 mutated pickles and 10,000 mutated releases, opened in child processes
# make oracle       AllenSDK 2.16.2 in an environment of its own, for bench and for the tests marked oracle
# make peers        the other libraries that bench compares with, in an environment of their own
# make bench        what benchmarks/ measures, as ratios to AllenSDK, bare h5py and other libraries
# make docs         the pages and figures that are made from code and from the demo
PYTHON ?= python3
BIN := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
VENV := .venv
DEMO := .venv-demo
LOWEST := .venv-lowest
ORACLE := .venv-oracle
PEERS := .venv-peers
ORACLE_PYTHON ?= python3.11
SOURCES := pyproject.toml README.md $(shell find src -name '*.py')

.PHONY: demo test test-lowest lint fuzz oracle peers bench docs clean

demo: $(DEMO)/installed
	@$(DEMO)/$(BIN)/visbehavior demo --output-dir demo
	@$(DEMO)/$(BIN)/visbehavior demo --output-dir demo/neuropixels --project neuropixels

# Two files at a time on two cores: the tests of one file may share what they made.
test: lint
	$(VENV)/$(BIN)/python -m pytest -n auto --dist loadfile

lint: $(VENV)/installed
	$(VENV)/$(BIN)/python -m ruff check .
	$(VENV)/$(BIN)/python -m ruff format --check .
	$(VENV)/$(BIN)/python -m mypy
	$(VENV)/$(BIN)/lint-imports

test-lowest: $(LOWEST)/installed
	$(LOWEST)/$(BIN)/python -m pytest -n auto --dist loadfile -m "not calibration"

fuzz: $(VENV)/installed
	VISBEHAVIOR_FUZZ_FILES=1000 VISBEHAVIOR_FUZZ_CASES=10000 $(VENV)/$(BIN)/python -m pytest -s \
		tests/nwb/test_fuzz.py tests/raw/test_fuzz.py tests/project/test_fuzz.py

bench: $(VENV)/installed
	$(VENV)/$(BIN)/python -m benchmarks

docs: demo $(VENV)/installed
	$(VENV)/$(BIN)/python scripts/tables_page.py > docs/tables.md
	$(VENV)/$(BIN)/python scripts/metrics_page.py > docs/metrics.md
	$(VENV)/$(BIN)/python scripts/layers_figure.py > docs/images/layers.svg
	$(VENV)/$(BIN)/python -m scripts.tutorials
	mkdir -p docs/images
	cp demo/timeline.png demo/mouse.png docs/images/

oracle: $(ORACLE)/installed

peers: $(PEERS)/installed

$(DEMO)/installed: $(SOURCES)
	@echo "Making an environment for the demo, once ..."
	@test -d $(DEMO) || $(PYTHON) -m venv $(DEMO)
	@$(DEMO)/$(BIN)/python -m pip install --quiet --disable-pip-version-check ".[all]"
	@$(DEMO)/$(BIN)/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps .
	@touch $@

# The package as a user installs it, not the source tree: a file missing from the wheel fails the tests.
$(VENV)/installed: $(SOURCES)
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(VENV)/$(BIN)/python -m pip install --quiet --disable-pip-version-check ".[test]"
	$(VENV)/$(BIN)/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps .
	touch $@

$(LOWEST)/installed: $(SOURCES) scripts/floors.py
	test -d $(LOWEST) || $(PYTHON) -m venv $(LOWEST)
	$(PYTHON) scripts/floors.py > $(LOWEST)/floors.txt
	$(LOWEST)/$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(LOWEST)/floors.txt ".[test]"
	$(LOWEST)/$(BIN)/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps .
	touch $@

# Without the cap on hdmf AllenSDK cannot open NWB files. The utilities ask for versions that AllenSDK refuses.
$(ORACLE)/installed:
	$(ORACLE_PYTHON) -m venv $(ORACLE)
	$(ORACLE)/$(BIN)/python -m pip install --quiet --disable-pip-version-check "allensdk==2.16.2" "hdmf<4"
	$(ORACLE)/$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps "brain-observatory-utilities==0.5.1"
	touch $@

$(PEERS)/installed:
	$(ORACLE_PYTHON) -m venv $(PEERS)
	$(PEERS)/$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		"psytrack==2.0.2" "pynapple==0.11.4" "lazynwb==1.0.0" "remfile==0.1.15"
	touch $@

clean:
	rm -rf $(VENV) $(DEMO) $(LOWEST) demo build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
