# make run, make test: nothing is needed but Python ≥ 3.11 and make. `make help` lists all.
# A setting may follow: make run APP_PORT=8000

PYTHON ?= python3
VENV := .venv
LOCKS := backend/requirements
VERSION = $(shell sed -n 's/^VERSION = "\(.*\)"/\1/p' backend/taskdesk/version.py)
UV := $(VENV)/bin/uv

# Of targets that are started at once in a fresh clone, one installs, and the others wait.
ONE_AT_A_TIME = $(PYTHON) .ci/one_at_a_time.py $(VENV) $(MAKE) -s PYTHON="$(PYTHON)"

# Without bytecode every start takes twice as long, and uv leaves it to the first start to write it.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run test test-all check audit newest newest-python wheel images sbom faults side-by-side capacity soak bench load screenshots docs format lock clean installed

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

run: ## start Redis, web, worker and dashboard; Ctrl-C stops all
	@$(ONE_AT_A_TIME) $(VENV)/run.stamp
	@cd backend && ../$(VENV)/bin/python -m taskdesk.launcher.run

PYTEST = cd backend && env -u FAULTS ../$(VENV)/bin/python -m pytest -n 4 --no-loadscope-reorder
test: installed ## run the quick tests, of every kind; make test ARGS="-k word" runs some
	$(PYTEST) -m "not slow" $(ARGS)

test-all: installed .venv-rq2/stamp .venv-clients/stamp .venv-deploy/stamp ## run these and the slow ones: every page, long fuzz, more faults; what CI runs
	$(PYTEST) $(ARGS)

check: installed ## formatter, linter, types, import map: what CI checks
	cd backend && ../$(VENV)/bin/ruff format --check .
	cd backend && ../$(VENV)/bin/ruff check .
	cd backend && ../$(VENV)/bin/mypy
	cd backend && ../$(VENV)/bin/python -m pytest -q tests/test_architecture.py

audit: $(VENV)/dev.stamp ## ask PyPI whether a locked package has a known vulnerability
	@$(VENV)/bin/python .ci/audit.py $(wildcard $(LOCKS)/*.txt)

newest: $(VENV)/uv.stamp ## play the contract suite with the newest rq, redis-py, gevent and Flask; CI only warns
	@PYTHON=$(PYTHON) .ci/newest

wheel: $(VENV)/dev.stamp ## build the package, in build/
	@$(VENV)/bin/python -m pip wheel -q --no-deps --no-build-isolation -w build ./backend && ls build/taskdesk-*.whl

images: ## build the images taskdesk-web, taskdesk-worker and taskdesk-dashboard, for projects of `taskdesk new`
	for part in web worker dashboard; do docker build -f backend/Dockerfile --target $$part -t taskdesk-$$part:$(VERSION) . || exit; done

newest-python: ## run the tests of contract, launcher and worker on the newest Python that is installed
	@PYTHON=$(PYTHON) .ci/newest_python

sbom: $(patsubst %,build/sbom/%.json,web worker tasks dashboard) ## list what is in each image (CycloneDX), in build/sbom/

build/sbom/%.json: $(LOCKS)/%.txt $(VENV)/dev.stamp
	@mkdir -p $(@D)
	cd backend && ../$(VENV)/bin/cyclonedx-py requirements requirements/$*.txt --pyproject pyproject.toml \
	  --no-validate --output-reproducible --of JSON -o ../$@

faults: $(VENV)/dev.stamp ## run all fault scenarios at full size, an hour of them; make test has a selection
	cd backend && FAULTS=all ../$(VENV)/bin/python -m pytest tests/faults $(ARGS)

side-by-side: installed ## run the fault scenarios with workers of two versions on one Redis; make side-by-side OLD=<commit>
	@.ci/side_by_side $(OLD) $(ARGS)

soak: $(VENV)/dev.stamp ## run load, faults and deploys for an hour (SOAK=seconds): nothing is lost, and memory stays flat
	cd backend && SOAK=$(or $(SOAK),3600) ../$(VENV)/bin/python -m pytest -n 0 tests/faults/test_soak.py $(ARGS)

capacity: $(VENV)/dev.stamp ## measure how many jobs one Redis can do, and write docs/capacity.md
	cd backend && ../$(VENV)/bin/python -m bench.capacity

bench: $(VENV)/dev.stamp .venv-bench/stamp ## compare the worker and the web with their peers, and write backend/bench/RESULTS.md
	cd backend && ../$(VENV)/bin/python -m bench

load: .venv-bench/stamp ## load what `make run` has started, with Locust; make load ARGS="TutorialUser -u 5 -t 60s"
	.venv-bench/bin/locust -f backend/bench/locustfile.py --headless -H http://127.0.0.1:5000 -u 10 -r 10 -t 30s $(or $(ARGS),ApiUser)

screenshots: $(VENV)/dev.stamp ## take the pictures in docs/screenshots anew, with the Chromium or Chrome that is installed
	cd backend && ../$(VENV)/bin/python -m tests.browser.screenshots

docs: $(VENV)/dev.stamp ## write the descriptions of the settings into README.md and the env files
	cd backend && ../$(VENV)/bin/python ../.ci/document_settings.py

format: $(VENV)/dev.stamp ## format the code, and repair what the linter can repair
	cd backend && ../$(VENV)/bin/ruff check --fix-only . && ../$(VENV)/bin/ruff format .

# dev.txt has everything, so it is solved first and the others take their versions from it.
COMPILE = ../$(UV) pip compile -q --universal --generate-hashes --python-version 3.11 --no-header $(ARGS)
lock: $(VENV)/uv.stamp ## lock the dependencies again; make lock ARGS=--upgrade takes newer versions
	cd backend && $(COMPILE) requirements/uv.in -o requirements/uv.txt
	cd backend && $(COMPILE) pyproject.toml --extra dev -o requirements/dev.txt
	cd backend && $(COMPILE) pyproject.toml --extra tasks -c requirements/dev.txt -o requirements/run.txt
	cd backend && for part in web worker tasks dashboard reload; do \
	  $(COMPILE) requirements/$$part.in -c requirements/dev.txt -o requirements/$$part.txt || exit; done
	cd backend && $(COMPILE) requirements/bench.in -o requirements/bench.txt
	cd backend && $(COMPILE) requirements/rq2.in -o requirements/rq2.txt
	cd backend && $(COMPILE) requirements/clients.in -o requirements/clients.txt
	cd backend && $(COMPILE) requirements/deploy.in -o requirements/deploy.txt

clean: ## remove the virtual environment and caches; data/ stays
	rm -rf $(VENV) .venv-bench .venv-clients .venv-deploy .venv-newest .venv-newest-python .venv-rq2
	find backend -name '__pycache__' -type d -prune -exec rm -rf {} +
	rm -rf backend/.pytest_cache backend/.mypy_cache backend/.ruff_cache backend/.hypothesis

installed:
	@$(ONE_AT_A_TIME) $(VENV)/dev.stamp

# A stamp is newer than its lock file: everything in there is installed.
# uv is several times faster, but doesn't read pip's settings (a mirror, a proxy): where it fails, pip tries.
UV_INSTALL = $(UV) pip install -q --system-certs
PIP_INSTALL = echo 'uv can not install them. pip tries, which takes some minutes …' && $(1)/bin/python -m pip install -q
$(VENV)/%.stamp: $(LOCKS)/%.txt $(VENV)/uv.stamp
	@echo "Installing the dependencies ($(<F)) into $(VENV) …"
	@VIRTUAL_ENV=$(VENV) $(UV_INSTALL) --require-hashes -r $< || { $(call PIP_INSTALL,$(VENV)) --require-hashes -r $<; }
	@VIRTUAL_ENV=$(VENV) $(UV_INSTALL) --no-deps --no-build-isolation -e backend \
	  || { $(call PIP_INSTALL,$(VENV)) --no-deps --no-build-isolation -e backend; }
	@touch $@

.venv-%/stamp: $(LOCKS)/%.txt $(VENV)/uv.stamp
	@$(PYTHON) -m venv --clear $(@D)
	@VIRTUAL_ENV=$(@D) $(UV_INSTALL) --require-hashes -r $< || { $(call PIP_INSTALL,$(@D)) --require-hashes -r $<; }
	@touch $@

$(VENV)/uv.stamp: $(LOCKS)/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'Python 3.11 or newer is needed, and "$(PYTHON)" is none. If you have one: make run PYTHON=python3.12' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "Python's venv module is missing. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)
	@$(VENV)/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r $< || true
	@touch $@
