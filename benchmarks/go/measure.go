package main

import (
	"context"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const ticksPerSecond = 100 // of /proc/PID/stat, on every Linux

// run is what one measured stretch came to. Times are microseconds.
type run struct {
	Operations int                `json:"operations"`
	Seconds    float64            `json:"seconds"`
	Rate       float64            `json:"rate"`
	P50        float64            `json:"p50_us"`
	P99        float64            `json:"p99_us"`
	Max        float64            `json:"max_us"`
	CPU        map[string]float64 `json:"cpu_us"` // per operation, by process
}

type report struct {
	Runs []run `json:"runs"`
}

// operation is one call of one caller; it says how many operations that was.
type operation func(ctx context.Context, caller int) (int, error)

// measured warms up for a fifth of a run, then measures each run.
func measured(ctx context.Context, with *options, work operation) (any, error) {
	if _, err := stretch(ctx, with, with.seconds/5, max(1, with.limit/5), work); err != nil {
		return nil, err
	}
	var all report
	for range with.runs {
		one, err := stretch(ctx, with, with.seconds, with.limit, work)
		if err != nil {
			return nil, err
		}
		all.Runs = append(all.Runs, one)
	}
	return all, nil
}

// stretch is one closed loop: each caller calls again once it was answered.
func stretch(ctx context.Context, with *options, seconds float64, limit int, work operation) (run, error) {
	var (
		wait    sync.WaitGroup
		lock    sync.Mutex
		times   []float64
		done    int
		begun   atomic.Int64
		problem error
		end     = time.Now().Add(time.Duration(seconds * float64(time.Second)))
		before  = cpu(with)
		start   = time.Now()
	)
	for caller := range with.callers {
		wait.Go(func() {
			var own []float64
			count := 0
			for time.Now().Before(end) && begun.Add(1) <= int64(limit) {
				from := time.Now()
				items, err := work(ctx, caller)
				if err != nil {
					lock.Lock()
					problem = err
					lock.Unlock()
					return
				}
				own = append(own, microseconds(time.Since(from)))
				count += items
			}
			lock.Lock()
			times, done = append(times, own...), done+count
			lock.Unlock()
		})
	}
	wait.Wait()
	return summary(with, before, time.Since(start), done, times), problem
}

func summary(with *options, before map[string]float64, took time.Duration, done int, times []float64) run {
	sort.Float64s(times)
	result := run{Operations: done, Seconds: took.Seconds(), Rate: float64(done) / took.Seconds(), CPU: map[string]float64{}}
	if len(times) > 0 {
		result.P50, result.P99, result.Max = at(times, 0.5), at(times, 0.99), times[len(times)-1]
	}
	for name, used := range cpu(with) {
		result.CPU[name] = (used - before[name]) / float64(max(done, 1))
	}
	return result
}

func at(sorted []float64, part float64) float64 {
	return sorted[min(len(sorted)-1, int(part*float64(len(sorted))))]
}

func microseconds(took time.Duration) float64 { return float64(took.Nanoseconds()) / 1000 }

// cpu is what each process has used since its start, user and system, in microseconds.
func cpu(with *options) map[string]float64 {
	used := map[string]float64{}
	for name, pid := range with.pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+2:]))
		user, _ := strconv.ParseFloat(fields[11], 64)
		system, _ := strconv.ParseFloat(fields[12], 64)
		used[name] = (user + system) * 1e6 / ticksPerSecond
	}
	return used
}
