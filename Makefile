# The developer's whole interface. Everything runs in .venv; `make install` is a step of every target that needs it.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
TESTED := .venv/.test-installed
FLINK := .venv-flink/.installed
FLINK_PINS := src/shopkeeper/apps/jobs/flink/requirements.txt
FLINK_CONNECTOR := flink-connector-kafka kafka-clients lz4-java snappy-java zstd-jni
# As many workers as cores, at most four; a file's tests stay together and share what they set up. ARGS="-n 0": one by one.
SPREAD := -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: install demo test test-all check bench bench-tables reliability docs screenshots lock flink flink-test clean

install: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed: set PYTHON=/path/to/python3.11" >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

$(TESTED): $(STAMP) requirements-test.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-test.lock
	touch $@

demo: install  ## open a demo shop on a year of household purchases, then serve it
	$(BIN)/shopkeeper demo $(ARGS)

test: $(TESTED)  ## everything that takes seconds
	$(BIN)/python -m pytest $(SPREAD) $(ARGS)

test-all: $(TESTED)  ## the minutes-long tests as well
	$(BIN)/python -m pytest -m "" $(ARGS)

check: $(TESTED)  ## format, lint, types and the floor plan
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install  ## import, events, decisions and training: rates, latencies and memory
	$(BIN)/shopkeeper benchmark speed $(ARGS)

reliability: $(TESTED)  ## kills, power cuts, faults and overload for an hour; writes docs/{en,zh}/reliability.md
	$(BIN)/python tools/reliability.py $(ARGS)

bench-tables: install  ## the tables of docs/{en,zh}/results.md; DATA holds <set>.txt and <set>_item2attributes.json (the demo's baskets need no file)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python tools/bench_tables.py $(DATA) $(ARGS)

docs: $(TESTED)  ## links work; every command, route and setting is documented
	$(BIN)/python -m pytest tests/architecture/test_docs.py $(ARGS)

screenshots: $(TESTED)  ## every console page in both languages, in a real browser, into screenshots/
	$(BIN)/python -m pytest -m browser tests/journeys $(ARGS)

lock: $(TESTED)  ## write the two lock files from what .venv holds
	$(BIN)/python tools/lock.py > requirements.lock.part
	$(BIN)/python tools/lock.py --test > requirements-test.lock.part
	mv requirements.lock.part requirements.lock
	mv requirements-test.lock.part requirements-test.lock

flink: $(FLINK)  ## the environment of the Flink job, its own: about 1 GB
flink-test: flink $(TESTED)  ## the Flink job on a local cluster against the drain's own fold
	$(BIN)/python -m pytest -m slow tests/journeys/test_flink.py $(ARGS)

# The wheel with the Kafka connector brings an older Flink along: only what the job's source needs is kept of it.
$(FLINK): $(FLINK_PINS)
	test -x .venv-flink/bin/python || $(PYTHON) -m venv .venv-flink
	.venv-flink/bin/python -m pip install --quiet --disable-pip-version-check -r $(FLINK_PINS)
	cd .venv-flink/lib/python*/site-packages && mkdir -p pyflink/connectors \
	  && for jar in $(FLINK_CONNECTOR); do if test -f pyflink/lib/$$jar.jar; then mv pyflink/lib/$$jar.jar pyflink/connectors/; fi; done \
	  && grep --only-matching --no-filename '^pyflink/lib/[^,]*' shigawire_apache_flink_libraries-*/RECORD | xargs rm -f
	ln -sf "$$(echo $(CURDIR)/.venv-flink/lib/python*/site-packages/pyflink/bin/flink)" .venv-flink/bin/flink
	touch $@

clean:
	rm -rf .venv .venv-flink build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
