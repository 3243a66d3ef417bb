package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

type byX509 struct {
	chain [][]byte
	key   any
}

func newX509() prover {
	pair := must(tls.LoadX509KeyPair(*cert, *key))
	made := &byX509{pair.Certificate, pair.PrivateKey}
	if *twist == "key" {
		made.key = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	}
	return made
}

func (p *byX509) payload() []byte { return must(json.Marshal(map[string]any{"certificates": p.chain})) }

func (p *byX509) respond(challenge []byte) []byte {
	var asked struct {
		RSA   *struct{ Nonce []byte } `json:"rsa_signature"`
		ECDSA *struct{ Nonce []byte } `json:"ecdsa_signature"`
	}
	must(0, json.Unmarshal(challenge, &asked))
	mine := nonce()
	if holder, is := p.key.(*rsa.PrivateKey); is {
		signed := must(rsa.SignPSS(rand.Reader, holder, crypto.SHA256, combined(asked.RSA.Nonce, mine), nil))
		return wire(map[string]any{"rsa_signature": map[string]any{"nonce": told(mine), "signature": signed}})
	}
	r, s, err := ecdsa.Sign(rand.Reader, p.key.(*ecdsa.PrivateKey), combined(asked.ECDSA.Nonce, mine))
	must(0, err)
	return wire(map[string]any{
		"ecdsa_signature": map[string]any{"nonce": told(mine), "r": r.Bytes(), "s": s.Bytes()},
	})
}

type bySSH struct {
	certificate []byte
	signer      ssh.Signer
}

func newSSH() prover {
	public, _, _, _, err := ssh.ParseAuthorizedKey(must(os.ReadFile(*cert)))
	must(0, err)
	made := &bySSH{public.Marshal(), must(ssh.ParsePrivateKey(must(os.ReadFile(*key))))}
	if *twist == "key" {
		other := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
		made.signer = must(ssh.NewSignerFromKey(other))
	}
	return made
}

func (p *bySSH) payload() []byte {
	return must(json.Marshal(map[string]any{"Certificate": p.certificate}))
}

func (p *bySSH) respond(challenge []byte) []byte {
	var asked struct{ Nonce []byte }
	must(0, json.Unmarshal(challenge, &asked))
	mine := nonce()
	signature := must(p.signer.Sign(rand.Reader, combined(asked.Nonce, mine)))
	return wire(map[string]any{"Nonce": told(mine), "Signature": signature})
}

type byHTTP struct {
	port  int
	nonce string
}

// newHTTP listens on a free port of this machine, until the program ends.
func newHTTP() prover {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	made := &byHTTP{port: listener.Addr().(*net.TCPAddr).Port}
	server := &http.Server{Handler: made, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }()
	return made
}

func (p *byHTTP) ServeHTTP(answer http.ResponseWriter, asked *http.Request) {
	expected := asked.URL.Path == "/.well-known/spiffe/nodeattestor/http_challenge/default/challenge"
	switch {
	case *twist == "redirect" && expected:
		http.Redirect(answer, asked, "/elsewhere", http.StatusFound)
	case *twist == "other":
		fmt.Fprint(answer, strings.Repeat("A", len(p.nonce)))
	case *twist == "long":
		fmt.Fprint(answer, p.nonce, strings.Repeat("A", 1<<20))
	case expected || asked.URL.Path == "/elsewhere":
		fmt.Fprint(answer, p.nonce)
	default:
		http.NotFound(answer, asked)
	}
}

func (p *byHTTP) payload() []byte {
	return must(json.Marshal(map[string]any{"hostname": *host, "agentname": "default", "port": p.port}))
}

func (p *byHTTP) respond(challenge []byte) []byte {
	var asked struct{ Nonce string }
	must(0, json.Unmarshal(challenge, &asked))
	if *twist != "replay" || p.nonce == "" {
		p.nonce = asked.Nonce
	}
	return []byte("{}")
}
