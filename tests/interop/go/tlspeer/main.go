// tlspeer is Go's crypto/tls at one end of a connection: what it says of the other end goes out as JSON.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

var (
	role    = flag.String("role", "client", "client or server")
	addr    = flag.String("addr", "127.0.0.1:0", "where to connect or to listen")
	ca      = flag.String("ca", "", "PEM of the roots")
	cert    = flag.String("cert", "", "PEM of the chain; empty for none")
	key     = flag.String("key", "", "PEM of the key")
	alpn    = flag.String("alpn", "h2", "protocol to offer; empty for none")
	maximum = flag.Int("max", 13, "highest version: 12 or 13")
	times   = flag.Int("times", 1, "connections, one after the other, with one session cache")
)

type result struct {
	Error   string
	Version string
	ALPN    string
	Peer    string
	Resumed bool
	Read    string
}

func main() {
	flag.Parse()
	if *role == "server" {
		serve()
		return
	}
	config := config()
	for range *times {
		report(dial(config))
	}
}

func config() *tls.Config {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(must(os.ReadFile(*ca)))
	config := &tls.Config{
		MaxVersion:         map[int]uint16{12: tls.VersionTLS12, 13: tls.VersionTLS13}[*maximum],
		ClientSessionCache: tls.NewLRUClientSessionCache(8),
		InsecureSkipVerify: true, // the name is not what is checked; the chain is, below
		ClientAuth:         tls.RequireAnyClientCert,
		VerifyConnection: func(state tls.ConnectionState) error {
			intermediates := x509.NewCertPool()
			for _, one := range state.PeerCertificates[1:] {
				intermediates.AddCert(one)
			}
			_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{
				Roots: roots, Intermediates: intermediates, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
			})
			return err
		},
	}
	if *alpn != "" {
		config.NextProtos = []string{*alpn}
	}
	if *cert != "" {
		config.Certificates = []tls.Certificate{must(tls.LoadX509KeyPair(*cert, *key))}
	}
	return config
}

func dial(config *tls.Config) result {
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", *addr, config)
	if err != nil {
		return result{Error: err.Error()}
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	read, err := io.ReadAll(conn)
	return describe(conn, read, err)
}

func serve() {
	listener := must(tls.Listen("tcp", *addr, config()))
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	for {
		conn := must(listener.Accept()).(*tls.Conn)
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		err := conn.Handshake()
		if err == nil {
			_, err = conn.Write([]byte("welcome"))
		}
		report(describe(conn, nil, err))
		conn.Close()
	}
}

func describe(conn *tls.Conn, read []byte, err error) result {
	state := conn.ConnectionState()
	found := result{
		Version: tls.VersionName(state.Version), ALPN: state.NegotiatedProtocol, Resumed: state.DidResume, Read: string(read),
	}
	if len(state.PeerCertificates) > 0 && len(state.PeerCertificates[0].URIs) > 0 {
		found.Peer = state.PeerCertificates[0].URIs[0].String()
	}
	if err != nil {
		found.Error = err.Error()
	}
	return found
}

func report(found result) {
	must(0, json.NewEncoder(os.Stdout).Encode(found))
}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}
