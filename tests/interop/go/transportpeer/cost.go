package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// throughput sends messages of -size and prints MB/s there and back.
func throughput() {
	conn := dial(nil)
	big := grpc.MaxCallRecvMsgSize(64 << 20)
	payload := make([]byte, *size)
	ctx := context.Background()
	if err := echo(ctx, conn, payload, big); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	start := time.Now()
	for range *number {
		if err := echo(ctx, conn, payload, big); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	took := time.Since(start)
	report(map[string]any{"ms_per_call": took.Seconds() * 1000 / float64(*number),
		"MB_per_s_each_way": float64(*size) * float64(*number) / took.Seconds() / 1e6})
}

// connects opens -n new connections one after the other, one watch stream each, first answer awaited.
// With -streams > 0 that many stay open at the end until standard input closes.
func connects() {
	start := time.Now()
	var open []*grpc.ClientConn
	for range *number {
		conn := dial(nil)
		s := must(conn.NewStream(context.Background(), bidiStream, service+"Chat"))
		s.SendMsg(wrapperspb.Bytes([]byte("x")))
		if err := s.RecvMsg(&wrapperspb.BytesValue{}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if *streams > 0 {
			open = append(open, conn)
		} else {
			conn.Close()
		}
	}
	report(map[string]any{"us_per_connection": time.Since(start).Microseconds() / int64(*number), "open": len(open)})
	if *streams > 0 {
		io.Copy(io.Discard, os.Stdin)
	}
}
