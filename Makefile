# `make` brings everything up; `make help` lists the rest. Settings: make up COMMAND_PORT=18081 PROCESSOR=2
.DEFAULT_GOAL := up
.PHONY: up down status logs demo test chaos chaos-broker chaos-services bench packages clean-data format help
MAKEFLAGS += --no-print-directory
MODE ?= local
export

up: ## build what changed and start what does not run; prints the curl lines (MODE=compose: docker compose)
	@case "$(MODE)" in \
	  local) deploy/local/up.sh ;; \
	  compose) docker compose up -d --build ;; \
	  *) echo "make: MODE is '$(MODE)'; it is local or compose" >&2; exit 2 ;; \
	esac

down: ## stop everything; data stays
	@case "$(MODE)" in compose) docker compose down ;; *) deploy/local/down.sh ;; esac

status: ## what runs, where, its memory and whether it is ready
	@deploy/local/status.sh

logs: ## the last lines of the logs (SERVICE=name for one, FOLLOW=1 to go on)
	@deploy/local/logs.sh

demo: ## send a few thousand events and show what comes out
	@deploy/local/demo.sh

test: ## unit, property, integration and end-to-end tests
	@deploy/test.sh

chaos: chaos-broker chaos-services ## both of the next two

chaos-broker: ## kill -9 of local-broker under load (KILLS=50 SEED=n)
	@KILLS=$${KILLS:-50} HANG_TIMEOUT=15m SUITES=Integration FILTER=KillTests deploy/test.sh

chaos-services: ## the fault tests again and again, services started in orders drawn by lot (ROUNDS=10)
	@ROUNDS=$${ROUNDS:-10} HANG_TIMEOUT=10m SUITES=EndToEnd FILTER="FullyQualifiedName~FaultTests|FullyQualifiedName~StartOrderTests" deploy/test.sh

bench: ## measure against baselines of the same run (bench/README.md)
	@bench/run.sh

packages: ## find out again which package set restores here
	@deploy/packages.sh --again

format: ## put the sources into the house's format
	@dotnet format Tally.slnx

clean-data: ## remove events, aggregates, archive and hash key (after make down)
	@deploy/local/clean-data.sh

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
