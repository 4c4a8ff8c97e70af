# Everything a reader or an author needs. `make` alone lists the targets.
# A fresh machine needs only Python >= 3.11 and make; the rest goes into .venv.

PYTHON ?= $(firstword $(foreach p,python3.11 python3.12 python3.13 python3.14 python3 python,\
  $(if $(shell $(p) -c 'import sys; print(sys.version_info >= (3, 11))' 2>/dev/null | grep True),$(p))))
BIN := .venv/bin
READY := .venv/.ready
BOOK := _build/.book
PAGES := $(shell sed -n 's/^ *\(- file\|root\): *\(.*\)/_build\/html\/\2.html/p' _toc.yml)
SOURCES := _config.yml _toc.yml $(shell find book gaea_mini assignments -type f \
  -not -name '*.ipynb' -not -name '*.pyc' -not -path '*/.*')

# One thread each: the machines this runs on have few cores, and results then do not
# depend on how many.
THREADS := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

.PHONY: help install book test test-slow pythons colab check format notebooks readme lab \
  pyodide records bench assignments grade by-hand grade-times \
  clean
.DELETE_ON_ERROR:

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

install: $(READY) ## make .venv and install the pinned versions

$(READY): requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python >= 3.11 found. Install one, or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	@touch $@

book: $(BOOK) ## run every chapter and build the pages
	@echo "The book: $(CURDIR)/_build/html/index.html"

# From nothing, so that every cell runs again; warnings are errors.
$(BOOK): $(READY) $(SOURCES)
	rm -rf _build/html _build/.doctrees _build/jupyter_execute
	$(THREADS) $(BIN)/jupyter-book build . -W -n --keep-going
	@for page in $(PAGES); do test -s $$page || { echo "$$page was not built" >&2; exit 1; }; done
	@touch $@

test: $(READY) $(BOOK) ## run the tests, the browser tests on the built book too
	$(THREADS) $(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow" $(ARGS)

test-slow: $(READY) $(BOOK) ## run the tests that take long; some need `make pyodide`
	$(BIN)/python -m pip install --quiet --requirement requirements-lab.txt
	$(THREADS) $(BIN)/python -m pytest -n 2 --dist loadfile -m slow $(ARGS)

pythons: $(READY) ## the tests that need no torch, on Python 3.12 and 3.13
	$(BIN)/python tools/pythons.py 3.12 3.13

colab: $(READY) ## the chapters that need no torch, as Colab runs them
	$(BIN)/python tools/colab.py $(ARGS)

check: $(READY) ## lint, types, spelling, notebooks in step with the chapters
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell
	$(BIN)/python tools/notebooks.py --check
	$(BIN)/python tools/readme.py --check

format: $(READY) ## lay out code, also in the chapters, and remake the notebooks
	$(BIN)/ruff check --fix --exit-zero --extend-exclude '*.ipynb' .
	$(BIN)/ruff format --exclude '*.ipynb' .
	$(BIN)/python tools/notebooks.py --format

notebooks: $(READY) ## remake the notebook beside each chapter
	$(BIN)/python tools/notebooks.py

readme: $(READY) ## put the recorded figure and numbers into README.md
	$(BIN)/python tools/readme.py

lab: $(READY) ## open the chapters in JupyterLab
	$(BIN)/python -m pip install --quiet --requirement requirements-lab.txt
	$(BIN)/jupyter lab --notebook-dir=book

pyodide: $(READY) ## fetch Python for the browser into _build/pyodide
	$(BIN)/python tools/pyodide.py

records: $(READY) ## make the recorded runs again (hours)
	$(BIN)/python -m gaea_mini records

bench: $(READY) ## time every method's step on every space (quarter of an hour)
	@mkdir -p _build
	$(BIN)/python -m gaea_mini.bench $(ARGS)

assignments: $(READY) ## build the notebooks and zips that students get
	$(THREADS) $(BIN)/python tools/assignments.py

grade: $(READY) ## grade a folder of notebooks: make grade SUBMISSIONS=folder
	@$(BIN)/python tools/grade.py "$(SUBMISSIONS)" $(ARGS)

by-hand: $(READY) ## give points for answers in words: opens nbgrader's form grader
	@$(BIN)/python tools/grade.py --by-hand

grade-times: $(READY) ## how long a class of a hundred takes to grade here
	@$(BIN)/python tools/grade.py --times $(ARGS)

# _build/records holds finished searches of `make records`, which are hours of work.
clean: ## remove what was built; keep .venv and the searches of make records
	@mkdir -p _build
	find _build -mindepth 1 -maxdepth 1 -not -name records -exec rm -rf {} +
	rm -rf build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
