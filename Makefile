# Everything a person does with this repository. Needs GNU Make, git and Python 3.11 or newer; the rest is installed into .venv.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help run setup test lint format locale bench clean

# What is said to make is for make alone: programs started here see none of it, nor another environment's settings.
PORT ?=
DEMO ?=
RUN_FLAGS ?=
TEST_FLAGS ?= -n 2 --dist loadgroup
unexport PORT DEMO RUN_FLAGS TEST_FLAGS PYTHON MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL
unexport PYTHONHOME PYTHONPATH VIRTUAL_ENV PIP_USER

# The newest Python that works; 'make PYTHON=/path/to/python' names another one.
PYTHON := $(if $(filter command,$(origin PYTHON)),$(PYTHON),python3.14 python3.13 python3.12 python3.11 python3)
PY := .venv/bin/python
CODE = $(wildcard app.py crm db pages ui web)
TYPED = $(wildcard crm db ui web tests/support)

help: ## List what make can do.
	@echo 'Rapport. make run starts it; then open http://localhost:8501'
	@sed -n 's/^\([a-z]*\):.*## /  make \1|/p' Makefile | sed 's/|/          /; s/^\(.\{16\}\) *\(.*\)/\1\2/'

run: .venv/.runtime ## Start Rapport with demonstration data. PORT=8080 takes another port, DEMO=no starts empty.
	@exec $(PY) -m crm run $(if $(filter no NO No 0 false,$(DEMO)),--no-demo) $(if $(PORT),--port $(PORT)) $(RUN_FLAGS)

setup: .venv/.tests ## Install everything that running, testing and checking need.

test: lint ## Check the code, then run all tests on both databases and in a browser. TEST_FLAGS='tests/test_x.py' runs some.
	@$(PY) -m tests.support
	@$(PY) -m pytest $(TEST_FLAGS)

lint: .venv/.tests ## Check style, formatting and types without changing anything.
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy $(TYPED)

format: .venv/.tests ## Put the code into its one format and repair what can be repaired safely.
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

KEYWORDS = -k _ -k N_ -k n_:1,2 -k counted:3,4 $(addprefix -k ,Invalid Refused NotFound Conflict Unavailable AlreadyDone)
locale: .venv/.runtime ## Bring new and changed texts into the Russian and Chinese catalogues.
	@pot=$$(mktemp) && trap 'rm -f "$$pot"' EXIT && \
	$(PY) -m babel.messages.frontend --quiet extract --no-default-keywords $(KEYWORDS) --sort-by-file --add-location file --no-wrap \
		--project Rapport --copyright-holder 'Rapport contributors' --output "$$pot" $(CODE) && \
	for language in ru zh; do \
		$(PY) -m babel.messages.frontend --quiet update --init-missing --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date --no-wrap \
			--input-file "$$pot" --output-dir locale --locale $$language || exit 1; \
	done

bench: .venv/.tests ## Take all measurements (minutes; on an otherwise quiet machine).
	@$(PY) -m bench all

clean: ## Remove the environment and what tools left behind. Data stays.
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis bench/.cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment. Its stamps are newer than the requirements that they were installed from, so a second start is immediate.
.venv/.runtime: requirements.txt
	@$(call ensure_venv)
	@echo 'Installing what Rapport needs into .venv (once) ...'
	@$(call install,requirements.txt)
	@touch $@

.venv/.tests: tests/requirements.txt .venv/.runtime
	@echo 'Installing what tests and checks need into .venv (once) ...'
	@$(call install,tests/requirements.txt)
	@touch $@

# uv where there is one (seconds; it shall trust the certificates that the system trusts, as pip does), else Python's own venv and pip (a
# minute or two), also when uv cannot reach its index.
define ensure_venv
fits='import sys; sys.exit(sys.version_info < (3, 11))'; \
if $(PY) -c "$$fits" 2>/dev/null; then exit 0; fi; \
rm -rf .venv; \
if command -v uv >/dev/null 2>&1; then has_uv=yes; else has_uv=; fits="import ensurepip; $$fits"; fi; \
for python in $(PYTHON); do \
	"$$python" -c "$$fits" >/dev/null 2>&1 || continue; \
	python=$$("$$python" -c 'import sys; print(sys.executable)'); \
	if test -n "$$has_uv" && uv venv --quiet --no-project --python "$$python" .venv; then exit 0; fi; \
	rm -rf .venv; "$$python" -m venv .venv && exit 0; \
done; \
echo 'Rapport needs Python 3.11 or newer with its venv module; none was found. On Debian and Ubuntu: apt install python3 python3-venv' >&2; \
rm -rf .venv; exit 1
endef

define install
if command -v uv >/dev/null 2>&1; then \
	UV_SYSTEM_CERTS=1 uv pip install --quiet --python $(PY) --requirement $(1) && exit 0; \
	echo 'uv did not manage it; trying pip.' >&2; \
fi; \
$(PY) -m pip --version >/dev/null 2>&1 || $(PY) -m ensurepip >/dev/null || exit 1; \
$(PY) -m pip install --quiet --no-input --disable-pip-version-check --requirement $(1)
endef
