package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// flood opens -n TLS connections at once and times the calls of one that was there before.
func flood() {
	conn := dial(nil)
	if err := echo(context.Background(), conn, []byte("x")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	config := tlsConfig("client")
	config.NextProtos = []string{"h2"}
	var wg sync.WaitGroup
	var failed atomic.Int64
	done := make(chan struct{})
	start := time.Now()
	for range *number {
		wg.Go(func() {
			raw, err := tls.Dial("tcp", *addr, config)
			if err == nil {
				raw.SetDeadline(time.Now().Add(30 * time.Second))
				_, err = raw.Read(make([]byte, 1)) // the server's SETTINGS
				raw.Close()
			}
			if err != nil {
				failed.Add(1)
			}
		})
	}
	go func() { wg.Wait(); close(done) }()
	var waits []time.Duration
	for over := false; !over; {
		begin := time.Now()
		if err := echo(context.Background(), conn, []byte("x")); err != nil {
			failed.Add(1)
		}
		waits = append(waits, time.Since(begin))
		select {
		case <-done:
			over = true
		default:
		}
	}
	slices.Sort(waits)
	report(map[string]any{"failed": failed.Load(), "all done ms": time.Since(start).Milliseconds(), "calls meanwhile": len(waits),
		"median ms": float64(waits[len(waits)/2].Microseconds()) / 1000, "worst ms": float64(waits[len(waits)-1].Microseconds()) / 1000})
}

// refused makes one TLS connection by crypto/tls and one by grpc-go and prints both errors.
func refused() {
	out := map[string]any{}
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		c := tlsConfig("client")
		c.MaxVersion, c.NextProtos = v, []string{"h2"}
		raw, err := tls.Dial("tcp", *addr, c)
		if err == nil {
			raw.SetDeadline(time.Now().Add(5 * time.Second))
			_, err = raw.Read(make([]byte, 1))
		}
		out[tls.VersionName(v)] = fmt.Sprint(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	out["grpc-go"] = describe(echo(ctx, dial(nil), []byte("x")))
	report(out)
}
