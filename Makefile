# `make` brings everything up; `make help` lists the rest. Settings: make up COMMAND_PORT=18081 PROCESSOR=2
.DEFAULT_GOAL := up
.PHONY: up down status logs demo frames-stdin watch-frames frames-reset feed-analytics feed-flows feed-colours feed-frames chaos-flows chaos-colours chaos-reads chaos-backlog chaos-overload chaos-kafka bench-reads bench-staleness test chaos chaos-broker chaos-services chaos-engine chaos-network chaos-leaks chaos-away chaos-pauses fuzz clients simulate own-writes rebuild bench packages clean-data format help
MAKEFLAGS += --no-print-directory
export

up: ## start everything and print the curl lines: Docker compose where it can be had, else as processes (MODE=compose|local)
	@deploy/up.sh

down: ## stop everything; data stays
	@deploy/run.sh down

status: ## what runs, where, its memory and whether it is ready
	@deploy/run.sh status

logs: ## the last lines of the logs (SERVICE=name for one, FOLLOW=1 to go on)
	@deploy/run.sh logs

demo: ## send a few thousand events and show what comes out
	@deploy/local/demo.sh

frames-stdin: ## count unique users of frames from standard input: zcat frames.jsonl.gz | make frames-stdin (OPTIONS=--Frames:Lateness=00:01:00)
	@deploy/local/frames-stdin.sh

watch-frames: ## results of the frames as they arrive, a line each (ALL=1 those that are there first, BOOTSTRAP=host:port)
	@deploy/local/frames-watch.sh

frames-reset: ## count the frames again from the beginning, or from what came into the topic at FROM=unix-seconds (local mode)
	@deploy/local/frames-reset.sh

feed-analytics: ## clicks and impressions straight into Kafka, with progress and records a second (COUNT=1000000 USERS=200000 RATE=0 BOOTSTRAP=host:port)
	@deploy/local/feed.sh analytics

feed-frames: ## frames of a file into Kafka, a line each, with progress and records a second (FILE=stream.jsonl.gz RATE=0 BOOTSTRAP=host:port)
	@FOLDER="$(CURDIR)/data" deploy/local/feed.sh frames

feed-flows: ## arrays of flows straight into Kafka, with progress and records a second (COUNT=1000000 ARRAY=100 RATE=0 BOOTSTRAP=host:port)
	@deploy/local/feed.sh flows

feed-colours: ## colours straight into Kafka (SCENARIO=alternate|burst|out-of-order COUNT=3000000 RATE=0 BOOTSTRAP=host:port)
	@COUNT=$${COUNT:-3000000} deploy/local/feed.sh colours

test: ## unit, property, integration and end-to-end tests
	@deploy/test.sh

chaos: chaos-broker chaos-services chaos-engine ## kills, freezes and stops of all parts

chaos-broker: ## kill -9 of local-broker under load (KILLS=50 SEED=n)
	@KILLS=$${KILLS:-50} HANG_TIMEOUT=15m SUITES=Integration FILTER=KillTests deploy/test.sh

chaos-services: ## the fault tests again and again, services started in orders drawn by lot (ROUNDS=10)
	@ROUNDS=$${ROUNDS:-10} HANG_TIMEOUT=10m SUITES=EndToEnd FILTER="FullyQualifiedName~FaultTests|FullyQualifiedName~StartOrderTests" deploy/test.sh

chaos-flows: ## a hundred thousand reads of flows beside writers, and a million flows of one hour in bounded memory (FLOW_READS=100000)
	@FLOW_READS=$${FLOW_READS:-100000} FLOW_ROWS=$${FLOW_ROWS:-1000000} HANG_TIMEOUT=20m SUITES=EndToEnd FILTER=Flows deploy/test.sh

chaos-colours: ## ten million colours through a processor whose heap may have 64 MB: what was aged out is counted and kept over kill -9 (COLOUR_EVENTS=10000000)
	@COLOUR_EVENTS=$${COLOUR_EVENTS:-10000000} HANG_TIMEOUT=15m SUITES=EndToEnd FILTER=ColourAgeingTests deploy/test.sh; code=$$?; grep -E '^ *[0-9]+ events in' artifacts/test-logs/EndToEnd.log; exit $$code

chaos-engine: ## processors and brokers killed, frozen, stopped under load (BROKERS=local|kafka|kafka3 EVENTS=2000000 STRIKES=40 SEED=n; OLD=folder of another version, built, has two of the four processors run from it)
	@CHAOS_BROKERS=$${BROKERS:-local} EVENTS=$${EVENTS:-2000000} STRIKES=$${STRIKES:-40} HANG_TIMEOUT=20m SUITES=Integration FILTER=EngineChaosTests deploy/test.sh

chaos-network: ## the engine behind a network that slices, delays, throttles, resets and falls silent (ROUNDS=20 SEED=n)
	@NETWORK_ROUNDS=$${ROUNDS:-20} HANG_TIMEOUT=25m SUITES=Integration FILTER=BadNetworkTests deploy/test.sh; code=$$?; grep -E '^ *[A-Z][a-zA-Z0-9_]*: seed' artifacts/test-logs/Integration.log; exit $$code

chaos-leaks: ## the engine's sessions begun and ended again and again: open files, threads, memory (SESSIONS=1000)
	@LEAK_SESSIONS=$${SESSIONS:-1000} HANG_TIMEOUT=25m SUITES=Integration FILTER=LeakTests deploy/test.sh; code=$$?; grep -E '^ *after [0-9]+ sessions' artifacts/test-logs/Integration.log; exit $$code

chaos-away: ## broker killed, broker frozen, processor frozen for longer than every time-out, under load (AWAY=120 BROKERS=local|kafka)
	@CHAOS_AWAY=$${AWAY:-120} CHAOS_BROKERS=$${BROKERS:-local} HANG_TIMEOUT=25m SUITES=Integration FILTER=LongFaultTests.Away deploy/test.sh; code=$$?; grep -E '^ *(broker|processor) .*: seed' artifacts/test-logs/Integration.log; exit $$code

chaos-pauses: ## how long a partition stands still while instances come and go under load (ROUNDS=5 BROKERS=local|kafka)
	@CHAOS_PAUSES=$${ROUNDS:-5} CHAOS_BROKERS=$${BROKERS:-local} HANG_TIMEOUT=25m SUITES=Integration FILTER=LongFaultTests.While deploy/test.sh; code=$$?; grep -E '^ *\|' artifacts/test-logs/Integration.log; exit $$code

fuzz: ## broken requests and record batches against local-broker's decoders (COUNT=1000000 SEED=n)
	@COUNT=$${COUNT:-1000000} HANG_TIMEOUT=20m SUITES=Unit FILTER=LocalBroker.Fuzz deploy/test.sh

clients: ## every Kafka client that is here against local-broker (TALLY_LIBRDKAFKA=folder: again on that librdkafka)
	@TALLY_CLIENTS=all SUITES=Integration FILTER=Integration.LocalBroker deploy/test.sh
	@[ -z "$$TALLY_LIBRDKAFKA" ] || LD_LIBRARY_PATH="$$TALLY_LIBRDKAFKA" SUITES=Integration FILTER=Integration.LocalBroker deploy/test.sh

simulate: ## the engine with broker, disk and power failing by seed (SEEDS=10000 FROM=1)
	@SIMULATION_SEEDS=$${SEEDS:-10000} SIMULATION_FROM=$${FROM:-1} HANG_TIMEOUT=20m SUITES=Unit FILTER=StateSimulationTests deploy/test.sh

chaos-reads: ## Redis and PostgreSQL killed, stopped, emptied, slow, read-only under 2,500 GETs a second; prints error rate and p99 of each phase (SECONDS_EACH=10 SEED=n; FILTER=RedisFaultTests for these alone)
	@CHAOS_READS_SECONDS=$${SECONDS_EACH:-10} HANG_TIMEOUT=15m SUITES=Integration FILTER="$${FILTER:-FullyQualifiedName~ReadChaosTests|FullyQualifiedName~RedisFaultTests|FullyQualifiedName~PostgresSinkTests}" deploy/test.sh; code=$$?; grep -E '^ *(seed|\|) ' artifacts/test-logs/Integration.log; exit $$code

chaos-backlog: ## a million aggregates drained by a materializer into Redis and the archive, Redis standing still for a while (BACKLOG=1000000)
	@BACKLOG=$${BACKLOG:-1000000} HANG_TIMEOUT=15m SUITES=EndToEnd FILTER=BacklogTests deploy/test.sh; code=$$?; grep -E '^ *[0-9]+ aggregates' artifacts/test-logs/EndToEnd.log; exit $$code

chaos-overload: ## 2 and 10 times the requests a second both HTTP services can answer: p99 of what is accepted, memory, every 204 counted, recovery (SECONDS_EACH=10 SHARE=25 % of a core for the service; needs wrk and root)
	@bench/overload.sh

bench-reads: ## GETs from memory, Redis, archive, caches of clients and of nginx, and a refill of 10,000 hours (SECONDS_EACH=3; needs wrk)
	@bench/reads.sh

bench-staleness: ## by how much a number is older in each cache than in Redis (PROBES=400 MAX_AGE=5)
	@bench/staleness.sh

chaos-kafka: ## the whole on three brokers of Apache Kafka, six partitions kept by all of them, each killed once under load
	@OWN_KAFKA=3 HANG_TIMEOUT=10m SUITES=EndToEnd FILTER=OwnKafkaTests deploy/test.sh; code=$$?; grep -E '^ *seed' artifacts/test-logs/EndToEnd.log; exit $$code

own-writes: ## writes read back with Tally-Position over two instances of every service, Redis emptied midway (PAIRS=10000 SEED=n)
	@PAIRS=$${PAIRS:-10000} HANG_TIMEOUT=15m SUITES=EndToEnd FILTER=OwnWritesTests deploy/test.sh

rebuild: ## count a job anew from what Kafka still holds of its input, and switch to the result (JOB=analytics, flows or frames; local mode)
	@JOB=$(JOB) deploy/local/rebuild.sh

bench: ## measure against baselines of the same run (docs/performance.md)
	@bench/run.sh

packages: ## find out again which package set restores here
	@deploy/packages.sh --again

format: ## put the sources into the house's format
	@dotnet format Tally.slnx

clean-data: ## remove events, aggregates, archive and hash key (after make down)
	@deploy/local/clean-data.sh

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
