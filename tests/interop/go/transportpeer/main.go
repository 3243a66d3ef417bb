// A grpc-go client and a grpc-go server for the transport tests, without generated code: every call carries
// wrapperspb.BytesValue. The first argument names what to do; the answer is one line of JSON.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/stats"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const service = "/probe.Probe/"

var (
	addr    = flag.String("addr", "127.0.0.1:9001", "host:port or unix:path")
	tlsDir  = flag.String("tls", "", "folder with ca.pem, client.pem, client.key, server.pem, server.key")
	seconds = flag.Int("seconds", 33, "how long")
	age     = flag.Duration("age", 3*time.Second, "MaxConnectionAge of serve")
	streams = flag.Int("streams", 8, "streams at once")
	workers = flag.Int("workers", 8, "unary callers")
	size    = flag.Int("size", 4<<20, "bytes a message")
	number  = flag.Int("n", 50, "calls")
)

// connCount counts the connections of one client.
type connCount struct{ n atomic.Int64 }

func (c *connCount) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (c *connCount) HandleRPC(context.Context, stats.RPCStats)                         {}
func (c *connCount) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (c *connCount) HandleConn(_ context.Context, s stats.ConnStats) {
	if _, ok := s.(*stats.ConnBegin); ok {
		c.n.Add(1)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return v
}

func tlsConfig(name string) *tls.Config {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(must(os.ReadFile(*tlsDir + "/ca.pem")))
	pair := must(tls.LoadX509KeyPair(*tlsDir+"/"+name+".pem", *tlsDir+"/"+name+".key"))
	return &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool, ClientCAs: pool, ServerName: "localhost"}
}

func dial(counter *connCount, extra ...grpc.DialOption) *grpc.ClientConn {
	creds := insecure.NewCredentials()
	if *tlsDir != "" {
		creds = credentials.NewTLS(tlsConfig("client"))
	}
	options := append([]grpc.DialOption{grpc.WithTransportCredentials(creds)}, extra...)
	if counter != nil {
		options = append(options, grpc.WithStatsHandler(counter))
	}
	return must(grpc.NewClient(*addr, options...))
}

func echo(ctx context.Context, conn *grpc.ClientConn, payload []byte, opts ...grpc.CallOption) error {
	out := &wrapperspb.BytesValue{}
	if err := conn.Invoke(ctx, service+"Echo", wrapperspb.Bytes(payload), out, opts...); err != nil {
		return err
	}
	if !bytes.Equal(out.Value, payload) {
		return fmt.Errorf("echo differs")
	}
	return nil
}

func report(v any) { fmt.Println(string(must(json.Marshal(v)))) }

// unknownCodec is a compressor that no server has.
type unknownCodec struct{ encoding.Compressor }

func (unknownCodec) Name() string { return "snappy" }

func main() {
	encoding.RegisterCompressor(unknownCodec{encoding.GetCompressor("gzip")})
	flag.CommandLine.Parse(os.Args[2:])
	commands := map[string]func(){"ages": ages, "limits": limits, "details": details, "throughput": throughput,
		"connects": connects, "refused": refused, "flood": flood, "serve": serve}
	commands[os.Args[1]]()
}
