package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spiffe/go-spiffe/v2/proto/spiffe/workload"
	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

var ownSelector = &types.Selector{Type: "unix", Value: "uid:" + strconv.Itoa(os.Getuid())}

func pause(ctx context.Context) error {
	select {
	case <-time.After(20 * time.Millisecond):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func asWorkload(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "workload.spiffe.io", "true")
}

// registerSelf gives this user -count identities, and returns once the agent has the first.
func registerSelf(ctx context.Context, with *options) (any, error) {
	admin, err := administer(ctx, with)
	if err != nil {
		return nil, err
	}
	if _, err := admin.register(ctx, with.entries(max(with.count, 1), nodePath, ownSelector)); err != nil {
		return nil, err
	}
	return firstSVID(ctx, with)
}

// firstSVID waits until the agent answers with an SVID, and says how many microseconds that took.
func firstSVID(ctx context.Context, with *options) (any, error) {
	start := time.Now()
	for {
		conn, err := dialUnix(with.workload)
		if err != nil {
			return nil, err
		}
		answer, err := first(ctx, conn)
		conn.Close()
		if err == nil && len(answer.Svids) >= 1 {
			return map[string]float64{"us": microseconds(time.Since(start))}, nil
		}
		if time.Since(start) > time.Minute {
			return nil, fmt.Errorf("no SVID within a minute: %w", err)
		}
		select {
		case <-time.After(2 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// first is the first answer on a new stream, which is then cut.
func first(ctx context.Context, conn *grpc.ClientConn) (*workload.X509SVIDResponse, error) {
	ctx, cancel := context.WithCancel(asWorkload(ctx))
	defer cancel()
	stream, err := workload.NewSpiffeWorkloadAPIClient(conn).FetchX509SVID(ctx, &workload.X509SVIDRequest{})
	if err != nil {
		return nil, err
	}
	return stream.Recv()
}

func fetchX509(ctx context.Context, with *options) (any, error) {
	return measured(ctx, with, func(ctx context.Context, _ int) (int, error) {
		conn, err := dialUnix(with.workload)
		if err != nil {
			return 0, err
		}
		defer conn.Close()
		_, err = first(ctx, conn)
		return 1, err
	})
}

// connections to the agent, one for each caller.
func connections(with *options) ([]*grpc.ClientConn, error) {
	conns := make([]*grpc.ClientConn, with.callers)
	for i := range conns {
		conn, err := dialUnix(with.workload)
		if err != nil {
			return nil, err
		}
		conns[i] = conn
	}
	return conns, nil
}

// fetchX509Again: new streams on connections that are there. Each ends with a reset, and a connection with too
// many resets in a second is cut, so callers take connections in turn.
func fetchX509Again(ctx context.Context, with *options) (any, error) {
	const each = 8
	pool := *with
	pool.callers *= each
	conns, err := connections(&pool)
	if err != nil {
		return nil, err
	}
	turns := make([]int, with.callers)
	return measured(ctx, with, func(ctx context.Context, caller int) (int, error) {
		turns[caller]++
		_, err := first(ctx, conns[caller*each+turns[caller]%each])
		return 1, err
	})
}

func fetchJWT(ctx context.Context, with *options) (any, error) {
	return jwts(ctx, with, func() string { return "audience" })
}

func fetchNewJWT(ctx context.Context, with *options) (any, error) {
	var used atomic.Int64
	stamp := time.Now().UnixNano()
	return jwts(ctx, with, func() string { return fmt.Sprintf("audience-%d-%d", stamp, used.Add(1)) })
}

func jwts(ctx context.Context, with *options, audience func() string) (any, error) {
	conns, err := connections(with)
	if err != nil {
		return nil, err
	}
	return measured(ctx, with, func(ctx context.Context, caller int) (int, error) {
		request := &workload.JWTSVIDRequest{Audience: []string{audience()}}
		_, err := workload.NewSpiffeWorkloadAPIClient(conns[caller]).FetchJWTSVID(asWorkload(ctx), request)
		return 1, err
	})
}

type opened struct {
	report
	MiB map[string]float64 `json:"mib"` // resident, by process, while all streams are open
}

// streams: -count connections with a stream each, at once; a run ends with the last first answer.
func streams(ctx context.Context, with *options) (any, error) {
	var result opened
	for number := range with.runs + 1 {
		one, memory, err := openAll(ctx, with)
		if err != nil {
			return nil, err
		}
		if number > 0 { // the first is for warming up
			result.Runs, result.MiB = append(result.Runs, one), memory
		}
	}
	return result, nil
}

func openAll(ctx context.Context, with *options) (run, map[string]float64, error) {
	ctx, cancel := context.WithCancel(asWorkload(ctx))
	defer cancel()
	defer time.AfterFunc(time.Minute, cancel).Stop() // a stream that is never answered fails the run
	var lock sync.Mutex
	var times []float64
	var conns []*grpc.ClientConn
	before, start := cpu(with), time.Now()
	err := together(with.count, func(int) error {
		conn, err := dialUnix(with.workload)
		if err != nil {
			return err
		}
		stream, err := workload.NewSpiffeWorkloadAPIClient(conn).FetchX509SVID(ctx, &workload.X509SVIDRequest{})
		if err == nil {
			_, err = stream.Recv()
		}
		lock.Lock()
		times, conns = append(times, microseconds(time.Since(start))), append(conns, conn)
		lock.Unlock()
		return err
	})
	result, memory := summary(with, before, time.Since(start), with.count, times), resident(with)
	for _, conn := range conns {
		conn.Close()
	}
	return result, memory, err
}

func resident(with *options) map[string]float64 {
	found := map[string]float64{}
	for name, pid := range with.pids {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		_, rest, _ := strings.Cut(string(text), "VmRSS:")
		if fields := strings.Fields(rest); len(fields) > 0 {
			kib, _ := strconv.ParseFloat(fields[0], 64)
			found[name] = kib / 1024
		}
	}
	return found
}
