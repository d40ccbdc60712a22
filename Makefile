# `make` alone lists the targets. Nothing needs to be installed first but python3 (with venv), git, make and openssl.
#
# GNU make cannot handle names with spaces, and a checkout may lie in a folder that has some: every file named here is relative.

PYTHON ?= python3
SCENARIO ?= edge-pool
# How many processes pytest uses.
JOBS ?= 2

PY := .venv/bin/python
# Tests take from a second to a minute: a process that has none left takes some of another's.
PYTEST := $(PY) -m pytest -n $(JOBS) --dist worksteal

# The user's own Ansible settings and collections stay out of what is tested here, and nothing is written into the user's home.
export ANSIBLE_CONFIG := $(CURDIR)/tests/ansible.cfg
export ANSIBLE_HOME := $(CURDIR)/.build/ansible
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.build/collections
# Each of the many labs of a test run needs the same RSA keys: they are made once.
export UCOPS_LAB_KEYS := $(CURDIR)/.build/lab-keys

.DEFAULT_GOAL := help
.PHONY: help demo test lab venv link unit lab-test integration faults pwsh lint ansible-lint sanity ansible-units build molecule \
	matrix coverage bench changelog clean

help:  ## list the targets
	@echo "The collection ucops.certificates:"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

demo: venv  ## renew an Edge pool on the lab, as a story (STORY=exchange and STORY=verify tell others)
	@$(PY) tests/demo/demo.py $(STORY)

test: venv  ## everything that is checked, step by step, with a summary
	@$(PY) tests/tools/steps.py $(STEPS)

lab: venv  ## start a lab in the foreground and print where its inventory is (SCENARIO=edge-pool LAB_ARGS=...)
	@PYTHONPATH=tests $(PY) -m lab --scenario $(SCENARIO) $(LAB_ARGS)

venv: .venv/ucops-stamp link  ## the development environment, pinned by constraints.txt

.venv/ucops-stamp: constraints.txt requirements.txt requirements-dev.txt tests/tools/venv.py
	@command -v "$(PYTHON)" >/dev/null || { echo "$(PYTHON) is not installed. On Debian: apt-get install python3 python3-venv"; exit 1; }
	@"$(PYTHON)" tests/tools/venv.py --python "$(PYTHON)"

link: | .venv/ucops-stamp
	@$(PY) tests/tools/tree.py link

lint: venv  ## ruff, mypy (strict on plugin_utils), the changelog fragments
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy
	$(PY) -m antsibull_changelog lint

unit: venv  ## the tests of the pure core and of this repository's own rules, by pytest alone
	$(PYTEST) tests/unit

lab-test: venv  ## pywinrm, pypsrp, Ansible's connections and openssl against the lab
	$(PYTEST) -m "not whole" tests/lab_tests tests/contract

integration: venv  ## the playbooks on the lab, lost members and controllers, and the story of the demo
	$(PYTEST) -m "not whole" tests/integration tests/faults tests/demo

faults: venv  ## lost connections and failing calls at every point (longer than all of `make test`)
	$(PYTEST) -m whole tests/faults tests/integration tests/contract tests/demo tests/pwsh tests/lab_tests

pwsh: venv  ## the script that crosses WinRM, under PowerShell 7 (needs pwsh on the PATH)
	$(PYTEST) -m "not whole" tests/pwsh

ansible-lint: venv  ## ansible-lint, profile production, offline
	@$(PY) tests/tools/lint.py

sanity: venv  ## ansible-test sanity without containers, for the Pythons that are here (ARGS="--test pylint", for example)
	@$(PY) tests/tools/sanity.py $(ARGS)

ansible-units: venv  ## the same tests, as ansible-test runs them (a part of `make test`)
	@$(PY) tests/tools/sanity.py --units --jobs $(JOBS) $(ARGS)

build: venv  ## build the archive, install it, read every plugin's documentation from there, and let galaxy-importer judge it
	@$(PY) tests/tools/tree.py build

molecule: venv  ## the scenario in extensions/molecule: a lab, a renewal, the same again
	@$(PY) tests/tools/scenario.py $(ARGS)

matrix: venv  ## the tests under each ansible-core on each Python here (SAMPLE=1: few of them; ARGS="--core 2.16 --python 3.10")
	@$(PY) tests/tools/matrix.py --jobs $(JOBS) $(if $(SAMPLE),--sample) $(ARGS)

coverage: venv  ## which branches of products, member and array the unit tests take; fails where a file has less than 90 %
	@$(PY) tests/tools/branches.py --jobs $(JOBS)

bench: venv  ## what it costs on this machine, beside other ways (ARGS="--small", ARGS="--parts verify --verify 10"; see docs/performance.md)
	@PYTHONPATH=tests:.build/collections $(PY) -m bench $(ARGS)

changelog: venv  ## write CHANGELOG.rst of the version in galaxy.yml from the fragments, new plugins included
	PATH="$(CURDIR)/.venv/bin:$$PATH" antsibull-changelog release --reload-plugins --update-existing

clean:  ## remove what make made
	rm -rf .build .venv .ansible .hypothesis .mypy_cache .pytest_cache .ruff_cache reports demo-report
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
