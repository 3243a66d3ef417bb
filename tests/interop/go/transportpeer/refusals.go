package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

func describe(err error) string {
	if err == nil {
		return "OK"
	}
	s := status.Convert(err)
	return fmt.Sprintf("%s: %s", s.Code(), s.Message())
}

// limits sends what a server must refuse and prints what grpc-go makes of the answer.
func limits() {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	out := map[string]any{}
	conn := dial(nil)
	big := grpc.MaxCallRecvMsgSize(64 << 20)
	out["message 4 MiB - 64"] = describe(echo(ctx, conn, make([]byte, 4<<20-64), big))
	out["message 4 MiB + 1"] = describe(echo(ctx, conn, make([]byte, 4<<20+1), big))
	out["message 64 MiB"] = describe(echo(ctx, conn, make([]byte, 64<<20), big))
	out["gzip"] = describe(echo(ctx, conn, []byte("x"), grpc.UseCompressor("gzip")))
	out["gzip bomb, 5 MiB"] = describe(echo(ctx, conn, make([]byte, 5<<20), grpc.UseCompressor("gzip"), big))
	out["snappy"] = describe(echo(ctx, conn, []byte("x"), grpc.UseCompressor("snappy")))
	out["reply over client limit"] = describe(echo(ctx, conn, make([]byte, 1<<20), grpc.MaxCallRecvMsgSize(1<<10)))
	head := metadata.AppendToOutgoingContext(ctx, "x-big", strings.Repeat("a", 70000))
	out["header 70 kB"] = describe(echo(head, conn, []byte("x")))
	head = metadata.AppendToOutgoingContext(ctx, "x-big", strings.Repeat("a", 60000))
	out["header 60 kB"] = describe(echo(head, conn, []byte("x")))
	out["method unknown"] = describe(conn.Invoke(ctx, service+"Nope", wrapperspb.Bytes(nil), &wrapperspb.BytesValue{}))
	out["service unknown"] = describe(conn.Invoke(ctx, "/nope.Nope/Nope", wrapperspb.Bytes(nil), &wrapperspb.BytesValue{}))
	out["after all that"] = describe(echo(ctx, conn, []byte("x")))
	// The stream over the limit waits in the client, without an error, until its deadline.
	var opened int
	var first error
	for first == nil && opened < *streams {
		one, stop := context.WithCancelCause(ctx)
		timer := time.AfterFunc(time.Second, func() { stop(context.DeadlineExceeded) })
		s, err := conn.NewStream(one, bidiStream, service+"Chat")
		if err == nil {
			s.SendMsg(wrapperspb.Bytes([]byte("x")))
			err = s.RecvMsg(&wrapperspb.BytesValue{})
		}
		if first = err; err == nil {
			timer.Stop()
			opened++
		}
	}
	out["streams opened"] = opened
	out["next stream"] = describe(first)
	report(out)
}

// details prints the code, message and details of failing calls, in each shape of answer.
func details() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	conn := dial(nil)
	out := map[string]any{}
	show := func(name string, err error) {
		s := status.Convert(err)
		var kinds []string
		for _, d := range s.Details() {
			kinds = append(kinds, fmt.Sprintf("%T %v", d, d))
		}
		out[name] = fmt.Sprintf("%s: %s %v", s.Code(), s.Message(), kinds)
	}
	show("trailers only", conn.Invoke(ctx, service+"Deny", wrapperspb.Bytes([]byte("now")), &wrapperspb.BytesValue{}))
	for _, mode := range []string{"before-recv", "after-message"} {
		s := must(conn.NewStream(ctx, bidiStream, service+"DenyStream"))
		s.SendMsg(wrapperspb.Bytes([]byte(mode)))
		var err error
		for err == nil {
			err = s.RecvMsg(&wrapperspb.BytesValue{})
		}
		show("stream "+mode, err)
	}
	short, stop := context.WithTimeout(ctx, 300*time.Millisecond)
	start := time.Now()
	show("deadline", conn.Invoke(short, service+"Slow", wrapperspb.Bytes(nil), &wrapperspb.BytesValue{}))
	out["deadline after ms"] = time.Since(start).Milliseconds()
	stop()
	cancelled, stop2 := context.WithCancel(ctx)
	time.AfterFunc(200*time.Millisecond, stop2)
	show("cancelled", conn.Invoke(cancelled, service+"Slow", wrapperspb.Bytes(nil), &wrapperspb.BytesValue{}))
	time.Sleep(200 * time.Millisecond)
	report(out)
}
