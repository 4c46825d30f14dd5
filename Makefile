# On a fresh machine: `make search` and `make test` do everything.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
DEV    := $(VENV)/.dev

.PHONY: install search serve test hostile lint docs bench bench-service curves clean check-sources

install: $(DEV)  ## what tests need too

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.%: $(STAMP)  ## an extra of pyproject.toml: dev, docs, serve
	$(BIN)/python -m pip install --quiet --editable '.[$*]'
	touch $@

search: $(STAMP)  ## search the embedded demo scene, retrain the best, print the leaderboard
	$(BIN)/hsiauto search --dataset demo --budget 16

serve: $(VENV)/.serve  ## the service at http://localhost:8765 with a search of the demo scene; its folder is runs/service/
	$(BIN)/hsiauto serve --root runs/service --demo

test: $(DEV)
	$(BIN)/python -m pytest tests -n 2 --dist loadfile

hostile: $(DEV)  ## every hostile file, option and folder; `make test` has a part of them
	$(BIN)/python -m tests.hostile

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.docs  ## the pages of docs/ into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet

bench: $(DEV)  ## ratios measured side by side, and what a search survives; see benchmarks/README.md
	$(BIN)/python -m benchmarks.startup
	$(BIN)/python -m benchmarks.overhead
	$(BIN)/python -m benchmarks.batches
	$(BIN)/python -m benchmarks.predict
	$(BIN)/python -m benchmarks.state_space
	$(BIN)/python -m benchmarks.scale
	$(BIN)/python -m benchmarks.nodes
	$(BIN)/python -m benchmarks.kill

bench-service: $(DEV)  ## the service killed, followed by 500, and for hours: make bench-service [MINUTES=120]
	$(BIN)/python -m benchmarks.service $(if $(MINUTES),--minutes $(MINUTES))

curves: $(DEV)  ## record real learning curves where the table stops: make curves DATA_DIR=... [MINUTES=30]
	$(BIN)/python -m benchmarks.curves.record --data-dir $(DATA_DIR) $(if $(MINUTES),--minutes $(MINUTES))

check-sources: $(DEV)  ## ask every source of a known scene whether it answers; needs the network, not run in CI
	$(BIN)/python -m benchmarks.sources

clean:
	rm -rf $(VENV) build site *.egg-info .mypy_cache .ruff_cache .pytest_cache
