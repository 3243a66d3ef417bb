// The load of the benchmarks: one scenario a run, against a server and an agent that are up already.
//
//	load SCENARIO -admin SOCKET [-server HOST:PORT] [-workload SOCKET] [-pid NAME=PID]... [options]
//
// It speaks SPIRE's APIs, so it drives Finial and a stock SPIRE alike. A scenario prepares, warms up, and is
// then measured -runs times in a closed loop of -callers callers: as long as -seconds says, and for -limit
// operations at most. Printed is one JSON document: for each run how many operations, how long, percentiles,
// and the CPU that each named process used per operation.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

const patience = 15 * time.Minute

type options struct {
	admin, server, workload string
	pids                    map[string]int
	runs, callers, size     int
	count, limit, watchers  int
	seconds, rate           float64
	prefix                  string
}

type scenario func(ctx context.Context, with *options) (any, error)

var scenarios = map[string]scenario{
	"fill": fill, "sign": sign, "new-jwt": newJWT, "mint-x509": mintX509, "mint-jwt": mintJWT,
	"attest": attest, "create": createEntries, "list": listEntries, "bundle": getBundle,
	"sync-full": syncFull, "sync-revisions": syncRevisions,
	"fetch-x509": fetchX509, "fetch-x509-again": fetchX509Again, "fetch-jwt": fetchJWT,
	"fetch-jwt-new": fetchNewJWT, "streams": streams, "change": change, "watchers": watchers,
	"token": printToken, "register": registerSelf, "first": firstSVID,
}

func main() {
	with, name := arguments()
	run, known := scenarios[name]
	if !known {
		fail(fmt.Errorf("unknown scenario %q", name))
	}
	// Not a deadline of the context: workloads and agents' streams have none, and it costs a header a call.
	time.AfterFunc(patience, func() { fail(fmt.Errorf("%s: took longer than %s", name, patience)) })
	result, err := run(context.Background(), with)
	if err != nil {
		fail(fmt.Errorf("%s: %w", name, err))
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		fail(err)
	}
}

func arguments() (*options, string) {
	with := &options{pids: map[string]int{}}
	flag.StringVar(&with.admin, "admin", "", "the server's admin socket")
	flag.StringVar(&with.server, "server", "", "the server's address")
	flag.StringVar(&with.workload, "workload", "", "the agent's Workload API socket")
	flag.IntVar(&with.runs, "runs", 3, "how often to measure")
	flag.IntVar(&with.callers, "callers", 1, "how many call at once")
	flag.IntVar(&with.size, "size", 1, "items in a call")
	flag.IntVar(&with.count, "count", 0, "how many things there are")
	flag.IntVar(&with.limit, "limit", 1<<30, "calls in a run, at most")
	flag.IntVar(&with.watchers, "watchers", 0, "agents that watch meanwhile")
	flag.Float64Var(&with.seconds, "seconds", 3, "length of a run")
	flag.Float64Var(&with.rate, "rate", 1, "changes in a second")
	flag.StringVar(&with.prefix, "prefix", "bench", "first part of the paths of new entries")
	flag.Func("pid", "NAME=PID: a process whose CPU is counted", func(text string) error {
		name, number, _ := strings.Cut(text, "=")
		pid, err := strconv.Atoi(number)
		with.pids[name] = pid
		return err
	})
	if len(os.Args) < 2 {
		fail(fmt.Errorf("name a scenario"))
	}
	if err := flag.CommandLine.Parse(os.Args[2:]); err != nil {
		fail(err)
	}
	return with, os.Args[1]
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
