package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

var serverStream = &grpc.StreamDesc{ServerStreams: true}
var bidiStream = &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}

// watch asks for n messages, one each 100 ms, and wants all of them and OK.
func watch(ctx context.Context, conn *grpc.ClientConn, n byte) error {
	s, err := conn.NewStream(ctx, serverStream, service+"Watch")
	if err != nil {
		return err
	}
	if err := s.SendMsg(wrapperspb.Bytes([]byte{n})); err != nil {
		return err
	}
	s.CloseSend()
	for got := 0; ; got++ {
		m := &wrapperspb.BytesValue{}
		if err := s.RecvMsg(m); err == io.EOF {
			if got != int(n) {
				return fmt.Errorf("watch: %d of %d messages", got, n)
			}
			return nil
		} else if err != nil {
			return err
		}
	}
}

// chat sends n messages one after the other and wants each back.
func chat(ctx context.Context, conn *grpc.ClientConn, n int) error {
	s, err := conn.NewStream(ctx, bidiStream, service+"Chat")
	if err != nil {
		return err
	}
	for i := 0; i < n; i++ {
		if err := s.SendMsg(wrapperspb.Bytes([]byte{byte(i)})); err != nil {
			return err
		}
		m := &wrapperspb.BytesValue{}
		if err := s.RecvMsg(m); err != nil {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.CloseSend()
	if err := s.RecvMsg(&wrapperspb.BytesValue{}); err != io.EOF {
		return fmt.Errorf("chat end: %v", err)
	}
	return nil
}

// ages runs calls and streams across many connection ages and counts what failed.
func ages() {
	counter := &connCount{}
	conn := dial(counter)
	end := time.Now().Add(time.Duration(*seconds) * time.Second)
	var unary, watches, chats, held, failed atomic.Int64
	var wg sync.WaitGroup
	loop := func(done *atomic.Int64, call func(context.Context) error) {
		wg.Go(func() {
			for time.Now().Before(end) {
				ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
				if err := call(ctx); err != nil {
					if failed.Add(1) <= 5 {
						fmt.Fprintln(os.Stderr, "failed:", err)
					}
				} else {
					done.Add(1)
				}
				cancel()
			}
		})
	}
	for range *workers {
		loop(&unary, func(ctx context.Context) error {
			time.Sleep(2 * time.Millisecond)
			return echo(ctx, conn, []byte("hello"))
		})
	}
	for i := range *streams {
		n := byte(5 + 5*(i%5)) // 0.5 to 2.5 s: up to three ages
		loop(&watches, func(ctx context.Context) error { return watch(ctx, conn, n) })
		loop(&chats, func(ctx context.Context) error { return chat(ctx, conn, 30) })
		loop(&held, func(ctx context.Context) error { return hold(ctx, conn) })
	}
	wg.Wait()
	report(map[string]any{"unary": unary.Load(), "watches": watches.Load(), "chats": chats.Load(), "held_ended_ok": held.Load(),
		"failed": failed.Load(), "connections": counter.n.Load()})
}

// hold opens a stream that only the server ends, with OK, when its connection drains.
func hold(ctx context.Context, conn *grpc.ClientConn) error {
	s, err := conn.NewStream(ctx, serverStream, service+"Hold")
	if err != nil {
		return err
	}
	if err := s.SendMsg(wrapperspb.Bytes(nil)); err != nil {
		return err
	}
	s.CloseSend()
	if err := s.RecvMsg(&wrapperspb.BytesValue{}); err != io.EOF {
		return fmt.Errorf("hold: %v", err)
	}
	return nil
}
