// nodepeer proves a node by the raw protocol of AttestAgent: messages by hand, keys by Go's own libraries.
//
//	nodepeer -addr HOST:PORT -method x509pop -cert FILE -key FILE [-twist NAME]
//	nodepeer -addr HOST:PORT -method sshpop -cert FILE -key FILE [-twist NAME]
//	nodepeer -addr HOST:PORT -method http_challenge -host NAME [-twist NAME]
//
// A twist makes one thing wrong. Out comes one JSON object: {"id", "reattestable", "error"}.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

var (
	addr   = flag.String("addr", "", "the server")
	method = flag.String("method", "x509pop", "x509pop, sshpop, http_challenge")
	cert   = flag.String("cert", "", "certificate file")
	key    = flag.String("key", "", "key file")
	host   = flag.String("host", "node.example", "the host name that is claimed")
	twist  = flag.String("twist", "", "key, nonce, oversize, empty, null, garbage, replay; redirect, other, long")
)

// prover is one way to prove a node.
type prover interface {
	payload() []byte
	respond(challenge []byte) []byte
}

type outcome struct {
	ID           string `json:"id"`
	Reattestable bool   `json:"reattestable"`
	Error        string `json:"error"`
}

// repeated answers every challenge as it answered the first.
type repeated struct {
	prover
	said []byte
}

func (r *repeated) respond(challenge []byte) []byte {
	if r.said == nil {
		r.said = r.prover.respond(challenge)
	}
	return r.said
}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func attest(conn *grpc.ClientConn, p prover) outcome {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	both := &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}
	stream := must(conn.NewStream(ctx, both, "/spire.api.server.agent.v1.Agent/AttestAgent"))
	send(stream, request(*method, p.payload(), signingRequest()))
	for {
		var got frame
		if err := stream.RecvMsg(&got); err != nil {
			s := status.Convert(err)
			return outcome{Error: fmt.Sprintf("%s: %s", s.Code(), s.Message())}
		}
		answer := fields(got)
		if result, done := answer[1]; done {
			return resultOf(result)
		}
		send(stream, response(p.respond(answer[2])))
	}
}

// send leaves a failure to the next receive, which has the status.
func send(stream grpc.ClientStream, message frame) { _ = stream.SendMsg(&message) }

func signingRequest() []byte {
	made := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	return must(x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, made))
}

func nonce() []byte {
	made := make([]byte, 32)
	must(rand.Read(made))
	return made
}

func combined(challenge, response []byte) []byte {
	sum := sha256.Sum256(append(append([]byte{}, challenge...), response...))
	return sum[:]
}

// told is the nonce that a response names, which may be another than the one that was signed.
func told(signed []byte) []byte {
	switch *twist {
	case "nonce":
		return nonce()
	case "oversize":
		return make([]byte, 1<<19)
	case "empty":
		return nil
	}
	return signed
}

// wire is a message as JSON, unless the twist says that it is none.
func wire(message any) []byte {
	switch *twist {
	case "null":
		return []byte("{}")
	case "garbage":
		return []byte("{\"")
	}
	return must(json.Marshal(message))
}

func main() {
	flag.Parse()
	// Who the server is, other programs here try; this one knows it by its port.
	secure := credentials.NewTLS(&tls.Config{InsecureSkipVerify: true})
	conn := must(grpc.NewClient(*addr, grpc.WithTransportCredentials(secure),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{}))))
	made := map[string]func() prover{
		"x509pop": newX509, "sshpop": newSSH, "http_challenge": newHTTP,
	}[*method]()
	if *twist == "replay" {
		made = &repeated{prover: made}
		if first := attest(conn, made); first.Error != "" {
			panic(first.Error)
		}
	}
	must(0, json.NewEncoder(os.Stdout).Encode(attest(conn, made)))
}
