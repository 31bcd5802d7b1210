PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

MINUTES := 60

.PHONY: report test fuzz lint types clean

# Save two checkpoints, then analyse the files that build these models, side by side, into reports/.
report: $(VENV)/installed
	$(BIN)/python examples/save_checkpoints.py
	$(BIN)/analyze examples/resnet50.py examples/mobilenetv2.py --checkpoint resnet.pth --checkpoint mobilenetv2.pth

test: $(VENV)/installed-test
	$(BIN)/python -m pytest

# Random programs and mutated files, as long as MINUTES says: make fuzz MINUTES=5
fuzz: $(VENV)/installed-test
	PYTHONPATH=tests $(BIN)/python -m fuzz.run_fuzz --minutes $(MINUTES)

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

clean:
	rm -rf $(VENV) build *.egg-info
