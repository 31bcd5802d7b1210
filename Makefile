PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

MINUTES := 60

.PHONY: report test fuzz docs lint types clean

# Save two checkpoints, then analyse the files that build these models, side by side, into reports/.
report: $(VENV)/installed
	$(BIN)/python examples/save_checkpoints.py
	$(BIN)/analyze examples/resnet50.py examples/mobilenetv2.py --checkpoint resnet.pth --checkpoint mobilenetv2.pth

test: $(VENV)/installed-test
	$(BIN)/python -m pytest

# Random programs and mutated files, as long as MINUTES says: make fuzz MINUTES=5
fuzz: $(VENV)/installed-test
	PYTHONPATH=tests $(BIN)/python -m fuzz.run_fuzz --minutes $(MINUTES)

# The documentation, a gallery of interactive reports included, into docs/_build/html
docs: $(VENV)/installed-docs
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/installed-test
	$(BIN)/mypy

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(VENV)/bin/python setup.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

$(VENV)/installed-docs: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info docs/_build docs/generated
