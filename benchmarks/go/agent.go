package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"time"

	agentv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/agent/v1"
	bundlev1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/bundle/v1"
	entryv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/entry/v1"
	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

const (
	trustDomain = "example.org"
	nodePath    = "/node" // the alias that the agent of the machine has
	page        = 500
)

// loadPath is the alias that the simulated agents of this run have: nobody else's entries are below it.
var loadPath = fmt.Sprintf("/load/%d", time.Now().UnixNano())

// administrator is the server's admin socket, and the roots that it told.
type administrator struct {
	conn   *grpc.ClientConn
	agents agentv1.AgentClient
	entry  entryv1.EntryClient
	roots  *x509.CertPool
}

func administer(ctx context.Context, with *options) (*administrator, error) {
	conn, err := dialUnix(with.admin)
	if err != nil {
		return nil, err
	}
	bundle, err := bundlev1.NewBundleClient(conn).GetBundle(ctx, &bundlev1.GetBundleRequest{})
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	for _, one := range bundle.X509Authorities {
		root, err := x509.ParseCertificate(one.Asn1)
		if err != nil {
			return nil, err
		}
		roots.AddCert(root)
	}
	return &administrator{conn, agentv1.NewAgentClient(conn), entryv1.NewEntryClient(conn), roots}, nil
}

func dialUnix(path string) (*grpc.ClientConn, error) {
	return grpc.NewClient("unix://"+path, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
}

func (a *administrator) token(ctx context.Context, alias string) (string, error) {
	request := &agentv1.CreateJoinTokenRequest{Ttl: 3600}
	if alias != "" {
		request.AgentId = &types.SPIFFEID{TrustDomain: trustDomain, Path: alias}
	}
	made, err := a.agents.CreateJoinToken(ctx, request)
	return made.GetValue(), err
}

// config trusts the server by its SPIFFE ID; without an identity it shows no certificate.
func (a *administrator) config(identity *tls.Certificate) *tls.Config {
	config := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // names are not SPIFFE's: the chain and the ID are checked below
		VerifyConnection: func(state tls.ConnectionState) error {
			leaf := state.PeerCertificates[0]
			if _, err := leaf.Verify(x509.VerifyOptions{Roots: a.roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
				return err
			}
			if len(leaf.URIs) != 1 || leaf.URIs[0].String() != "spiffe://"+trustDomain+"/spire/server" {
				return errors.New("not the server")
			}
			return nil
		},
	}
	if identity != nil {
		config.Certificates = []tls.Certificate{*identity}
	}
	return config
}

func (a *administrator) dial(with *options, identity *tls.Certificate) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///"+with.server,
		grpc.WithTransportCredentials(credentials.NewTLS(a.config(identity))),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
}

// attest spends a join token over a connection of its own.
func (a *administrator) attest(ctx context.Context, with *options, token string, key *ecdsa.PrivateKey) (*tls.Certificate, error) {
	conn, err := a.dial(with, nil)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	request, err := csrOf(key, "")
	if err != nil {
		return nil, err
	}
	stream, err := agentv1.NewAgentClient(conn).AttestAgent(ctx)
	if err != nil {
		return nil, err
	}
	params := &agentv1.AttestAgentRequest_Params{
		Data:   &types.AttestationData{Type: "join_token", Payload: []byte(token)},
		Params: &agentv1.AgentX509SVIDParams{Csr: request},
	}
	if err := stream.Send(&agentv1.AttestAgentRequest{Step: &agentv1.AttestAgentRequest_Params_{Params: params}}); err != nil {
		return nil, err
	}
	answer, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: answer.GetResult().GetSvid().GetCertChain(), PrivateKey: key}, nil
}

// join is a new agent: its mTLS connection to the server.
func (a *administrator) join(ctx context.Context, with *options, alias string) (*grpc.ClientConn, error) {
	token, err := a.token(ctx, alias)
	if err != nil {
		return nil, err
	}
	identity, err := a.attest(ctx, with, token, newKey())
	if err != nil {
		return nil, err
	}
	return a.dial(with, identity)
}

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		fail(err)
	}
	return key
}

func csrOf(key crypto.Signer, id string) ([]byte, error) {
	template := &x509.CertificateRequest{}
	if id != "" {
		uri, err := url.Parse(id)
		if err != nil {
			return nil, err
		}
		template.URIs = []*url.URL{uri}
	}
	return x509.CreateCertificateRequest(rand.Reader, template, key)
}

// entries below a parent, for selectors that nobody has unless they are given.
func (with *options) entries(count int, parent string, selectors ...*types.Selector) []*types.Entry {
	made := make([]*types.Entry, count)
	stamp := time.Now().UnixNano()
	for i := range made {
		name := fmt.Sprintf("/%s/%d/%d", with.prefix, stamp, i)
		chosen := selectors
		if len(chosen) == 0 {
			chosen = []*types.Selector{{Type: "unix", Value: "user:none" + name}}
		}
		made[i] = &types.Entry{
			SpiffeId:  &types.SPIFFEID{TrustDomain: trustDomain, Path: name},
			ParentId:  &types.SPIFFEID{TrustDomain: trustDomain, Path: parent},
			Selectors: chosen,
		}
	}
	return made
}

// register creates entries and returns their IDs, in order.
func (a *administrator) register(ctx context.Context, entries []*types.Entry) ([]string, error) {
	var ids []string
	for start := 0; start < len(entries); start += page {
		batch := entries[start:min(start+page, len(entries))]
		answer, err := a.entry.BatchCreateEntry(ctx, &entryv1.BatchCreateEntryRequest{Entries: batch})
		if err != nil {
			return nil, err
		}
		for _, one := range answer.Results {
			if one.Status.Code != 0 {
				return nil, fmt.Errorf("entry was refused: %s", one.Status.Message)
			}
			ids = append(ids, one.Entry.Id)
		}
	}
	return ids, nil
}

// fill registers -count entries, 500 below each parent.
func fill(ctx context.Context, with *options) (any, error) {
	admin, err := administer(ctx, with)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	for left := with.count; left > 0; left -= page {
		parent := fmt.Sprintf("/host/%s/%d", with.prefix, left)
		if with.size > 1 { // all below the alias that is held by an agent
			parent = nodePath
		}
		if _, err := admin.register(ctx, with.entries(min(page, left), parent)); err != nil {
			return nil, err
		}
	}
	return map[string]float64{"seconds": time.Since(start).Seconds()}, nil
}

// printToken makes a join token for the agent of the machine.
func printToken(ctx context.Context, with *options) (any, error) {
	admin, err := administer(ctx, with)
	if err != nil {
		return nil, err
	}
	token, err := admin.token(ctx, nodePath)
	return map[string]string{"token": token}, err
}
