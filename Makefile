# The developer's commands. Every target sets itself up: on a fresh machine `make demo` is enough.
.DEFAULT_GOAL := help
SECONDS ?= 60
FUZZ_SECONDS ?= 600
KILLS ?= 0
CUTS ?= 100
FLIPS ?= 1000
BREAKS ?= 20
MINUTES ?= 10
HUB_DEBIAN ?= trixie
SEED ?= 7
# One of them spends its time with the virtual machine, and mostly waits for it.
WORKERS ?= 3
PY := .venv/bin/python
# Processes start in half the time from compiled modules, and the suite starts hundreds.
export PYTHONDONTWRITEBYTECODE :=
export PATH := $(CURDIR)/.venv/bin:$(PATH):$(CURDIR)/.tools/uv/bin

.PHONY: help setup install demo test test-bluez test-hidraw test-install test-fresh bluez-box check fmt docs fuzz powercut soak broken-links flips chaos bench bench-journal bench-agp clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: ## Make .venv from requirements.lock (the other targets do it by themselves)
	@tools/setup.sh

install: ## Install the gateway on this hub, as root: docs/install.md; ARGS=--dry-run
	@deploy/install.sh $(ARGS)

demo: setup ## Virtual devices, sandbox health space and the real daemon; SECONDS=30, KILLS=20
	@$(PY) -m gateway demo --seconds $(SECONDS) --kills $(KILLS)

test: setup ## The whole suite
	@tools/debian-packages.sh $(TEST_PACKAGES)
	@if [ -n "$$GATEWAY_PROFILES" ]; then tools/fhir-core.sh; fi
	@tools/bluez-box.sh || true # its tests are skipped then, with the reason
	$(PY) -m pytest -q -n $(WORKERS) $(ARGS)

test-bluez: setup ## Only the tests over the real Linux Bluetooth stack, in a virtual machine
	@tools/bluez-box.sh
	$(PY) -m pytest -q tests/bluez $(ARGS)

test-hidraw: setup ## HID devices made of software under Debian's own kernel, in a virtual machine
	@tools/hid-box.sh $(PY) -m pytest -q -p no:cacheprovider --color=no tests/hidraw $(ARGS)

test-install: setup ## Install, use, break, upgrade and remove a hub under real systemd; root; HUB_DEBIAN=bookworm
	@tools/hub-box.sh $(HUB_DEBIAN)
	GATEWAY_HUB_BOX=$(CURDIR)/.tools/hub-box/$(HUB_DEBIAN) $(PY) -m pytest -q tests/installation $(ARGS)

test-fresh: ## The README's commands on a bare Debian, from the last commit; root; HUB_DEBIAN=bookworm
	@tools/fresh-debian.sh $(HUB_DEBIAN)

bluez-box: ## Build that virtual machine into .tools/ (the tests do it by themselves)
	@tools/bluez-box.sh

check: setup ## Lint, format, types, architecture, generated docs, spelling
	ruff check .
	ruff format --check .
	mypy
	mypy benchmarks/*.py tools/*.py
	lint-imports
	codespell
	$(PY) -m pytest -q tests/architecture

fmt: setup ## Format and fix what can be fixed
	ruff format .
	ruff check --fix .

powercut: setup ## Cut the power under the journal CUTS times and count what is lost; best as root
	$(PY) -m tests.journal.powercut --cuts $(CUTS)

chaos: setup ## Everything goes wrong for MINUTES, the same for the same SEED; then the sums
	@tools/debian-packages.sh $(TEST_PACKAGES)
	$(PY) -m tests.chaos --minutes $(MINUTES) --seed $(SEED)

soak: setup ## The demonstration for SECONDS, hours say: does the daemon grow, do the sums add up
	$(PY) -m tests.soak --seconds $(SECONDS)

broken-links: setup ## Simulators whose links break anywhere, BREAKS times each
	BROKEN_LINKS=$(BREAKS) $(PY) -m pytest -q tests/conversations/test_broken_links.py \
		tests/conversations/test_broken_cables.py tests/conversations/test_broken_usb.py

flips: setup ## Flip FLIPS bits of a small journal, one at a time, and say what each costs
	$(PY) -m tests.journal.flips --flips $(FLIPS)

bench-journal: setup ## Durable readings per second, beside others; FOLDER names the disk
	$(PY) benchmarks/journal.py $(FOLDER)

docs: setup ## Write the pages that come from the code
	$(PY) tools/configuration.py
	$(PY) tools/openapi.py
	$(PY) tools/conformance.py
	$(PY) -m tests.domain.page
	$(PY) tools/devices_doc.py

fuzz: setup ## Feed every decoder anything; FUZZ_SECONDS=600. With atheris, where it can be had
	@uv pip install --quiet --python $(PY) --target .tools/atheris atheris || true
	PYTHONPATH=.tools/atheris $(PY) tools/fuzz.py $(FUZZ_SECONDS)

bench: setup ## Decoding beside another library; the other measurements are in benchmarks/
	$(PY) benchmarks/decode.py

bench-agp: setup ## The glucose profile, beside numpy doing the same
	@uv pip install --quiet --python $(PY) --target .tools/numpy numpy || true
	PYTHONPATH=.tools/numpy $(PY) benchmarks/agp.py

clean: ## Remove the environment and everything built
	rm -rf .venv .tools build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# What the suite needs from Debian; installed by apt where root or sudo allows.
TEST_PACKAGES := mosquitto chromium chromium-driver dbus-daemon
