package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// probe is the service as a grpc-go server: for clients of ours.
type probe struct{ onOld, calls atomic.Int64 }

func recv(dec func(any) error) (*wrapperspb.BytesValue, error) {
	in := &wrapperspb.BytesValue{}
	return in, dec(in)
}

func serve() {
	p := &probe{}
	options := []grpc.ServerOption{grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionAge: *age})}
	if *tlsDir != "" {
		c := tlsConfig("server")
		c.ClientAuth = tls.RequireAndVerifyClientCert
		options = append(options, grpc.Creds(credentials.NewTLS(c)))
	}
	counter := &connCount{}
	options = append(options, grpc.StatsHandler(counter))
	s := grpc.NewServer(options...)
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: "probe.Probe", HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{
			{MethodName: "Echo", Handler: func(_ any, _ context.Context, dec func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
				p.calls.Add(1)
				return recv(dec)
			}},
			{MethodName: "Deny", Handler: func(_ any, _ context.Context, dec func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
				st := must(status.New(codes.PermissionDenied, "agent is banned").WithDetails(&errdetails.ErrorInfo{Reason: "AGENT_BANNED"}))
				return nil, st.Err()
			}},
		},
		Streams: []grpc.StreamDesc{
			{StreamName: "Watch", ServerStreams: true, Handler: func(_ any, s grpc.ServerStream) error {
				in := &wrapperspb.BytesValue{}
				if err := s.RecvMsg(in); err != nil {
					return err
				}
				for i := 0; i < int(in.Value[0]); i++ {
					if err := s.SendMsg(wrapperspb.Bytes([]byte{byte(i)})); err != nil {
						return err
					}
					time.Sleep(100 * time.Millisecond)
				}
				return nil
			}},
			// Early answers while the client still may send: trailers, then RST_STREAM(NO_ERROR).
			{StreamName: "Early", ServerStreams: true, ClientStreams: true, Handler: func(_ any, s grpc.ServerStream) error {
				in := &wrapperspb.BytesValue{}
				if err := s.RecvMsg(in); err != nil {
					return err
				}
				return s.SendMsg(in)
			}},
			{StreamName: "Chat", ServerStreams: true, ClientStreams: true, Handler: func(_ any, s grpc.ServerStream) error {
				for {
					in := &wrapperspb.BytesValue{}
					if err := s.RecvMsg(in); err == io.EOF {
						return nil
					} else if err != nil {
						return err
					}
					if err := s.SendMsg(in); err != nil {
						return err
					}
				}
			}},
		},
	}, p)
	network, where := "tcp", *addr
	if rest, ok := strings.CutPrefix(where, "unix:"); ok {
		network, where = "unix", rest
	}
	listener := must(net.Listen(network, where))
	fmt.Println("ready")
	go func() {
		io.Copy(io.Discard, os.Stdin)
		report(map[string]any{"connections": counter.n.Load(), "unary": p.calls.Load()})
		os.Exit(0)
	}()
	s.Serve(listener)
}
