package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	bundlev1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/bundle/v1"
	entryv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/entry/v1"
	svidv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/svid/v1"
	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
	"google.golang.org/grpc"
)

const verifyEach = 50

// callers answers a connection for each caller: their streams do not share one.
func callers(ctx context.Context, with *options, admin *administrator, alias string) ([]*grpc.ClientConn, error) {
	conns := make([]*grpc.ClientConn, with.callers)
	for i := range conns {
		conn, err := admin.join(ctx, with, alias)
		if err != nil {
			return nil, err
		}
		conns[i] = conn
	}
	return conns, nil
}

// sign: BatchNewX509SVID of -size CSRs a call; each 50th chain is verified.
func sign(ctx context.Context, with *options) (any, error) {
	admin, err := administer(ctx, with)
	if err != nil {
		return nil, err
	}
	conns, err := callers(ctx, with, admin, loadPath)
	if err != nil {
		return nil, err
	}
	entries := with.entries(with.size, loadPath)
	ids, err := admin.register(ctx, entries)
	if err != nil {
		return nil, err
	}
	request := &svidv1.BatchNewX509SVIDRequest{}
	for i, id := range ids {
		csr, err := csrOf(newKey(), "spiffe://"+trustDomain+entries[i].SpiffeId.Path)
		if err != nil {
			return nil, err
		}
		request.Params = append(request.Params, &svidv1.NewX509SVIDParams{EntryId: id, Csr: csr})
	}
	if err := admin.held(ctx, conns[0], len(ids)); err != nil {
		return nil, err
	}
	var signed atomic.Int64
	return measured(ctx, with, func(ctx context.Context, caller int) (int, error) {
		answer, err := svidv1.NewSVIDClient(conns[caller]).BatchNewX509SVID(ctx, request)
		if err != nil {
			return 0, err
		}
		for _, one := range answer.Results {
			if one.Status.Code != 0 {
				return 0, errors.New(one.Status.Message)
			}
			if signed.Add(1)%verifyEach == 1 {
				if err := admin.verify(one.Svid.CertChain); err != nil {
					return 0, err
				}
			}
		}
		return len(answer.Results), nil
	})
}

func (a *administrator) verify(chain [][]byte) error {
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return err
	}
	_, err = leaf.Verify(x509.VerifyOptions{Roots: a.roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	return err
}

// held returns once the server lets the agent have so many entries: a stock server's cache lags.
func (a *administrator) held(ctx context.Context, conn *grpc.ClientConn, count int) error {
	for {
		answer, err := entryv1.NewEntryClient(conn).GetAuthorizedEntries(ctx, &entryv1.GetAuthorizedEntriesRequest{})
		if err != nil {
			return err
		}
		if len(answer.Entries) >= count {
			return nil
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

func newJWT(ctx context.Context, with *options) (any, error) {
	admin, err := administer(ctx, with)
	if err != nil {
		return nil, err
	}
	conns, err := callers(ctx, with, admin, loadPath)
	if err != nil {
		return nil, err
	}
	ids, err := admin.register(ctx, with.entries(1, loadPath))
	if err != nil {
		return nil, err
	}
	if err := admin.held(ctx, conns[0], 1); err != nil {
		return nil, err
	}
	for { // a stock server may show one that was there before first
		_, err := svidv1.NewSVIDClient(conns[0]).NewJWTSVID(ctx, &svidv1.NewJWTSVIDRequest{EntryId: ids[0], Audience: []string{"a"}})
		if err == nil {
			break
		}
		if err := pause(ctx); err != nil {
			return nil, err
		}
	}
	return measured(ctx, with, func(ctx context.Context, caller int) (int, error) {
		_, err := svidv1.NewSVIDClient(conns[caller]).NewJWTSVID(ctx, &svidv1.NewJWTSVIDRequest{EntryId: ids[0], Audience: []string{"audience"}})
		return 1, err
	})
}

// local: a connection to the admin socket for each caller.
func local(with *options) ([]*grpc.ClientConn, error) {
	conns := make([]*grpc.ClientConn, with.callers)
	for i := range conns {
		conn, err := dialUnix(with.admin)
		if err != nil {
			return nil, err
		}
		conns[i] = conn
	}
	return conns, nil
}

func mintX509(ctx context.Context, with *options) (any, error) {
	conns, err := local(with)
	if err != nil {
		return nil, err
	}
	csr, err := csrOf(newKey(), "spiffe://"+trustDomain+"/minted")
	if err != nil {
		return nil, err
	}
	return measured(ctx, with, func(ctx context.Context, caller int) (int, error) {
		_, err := svidv1.NewSVIDClient(conns[caller]).MintX509SVID(ctx, &svidv1.MintX509SVIDRequest{Csr: csr})
		return 1, err
	})
}

func mintJWT(ctx context.Context, with *options) (any, error) {
	conns, err := local(with)
	if err != nil {
		return nil, err
	}
	request := &svidv1.MintJWTSVIDRequest{
		Id: &types.SPIFFEID{TrustDomain: trustDomain, Path: "/minted"}, Audience: []string{"audience"},
	}
	return measured(ctx, with, func(ctx context.Context, caller int) (int, error) {
		_, err := svidv1.NewSVIDClient(conns[caller]).MintJWTSVID(ctx, request)
		return 1, err
	})
}

func getBundle(ctx context.Context, with *options) (any, error) {
	conns, err := local(with)
	if err != nil {
		return nil, err
	}
	return measured(ctx, with, func(ctx context.Context, caller int) (int, error) {
		_, err := bundlev1.NewBundleClient(conns[caller]).GetBundle(ctx, &bundlev1.GetBundleRequest{})
		return 1, err
	})
}

// attest: a join token spent on a new connection, handshake included; tokens and keys are made before.
func attest(ctx context.Context, with *options) (any, error) {
	admin, err := administer(ctx, with)
	if err != nil {
		return nil, err
	}
	tokens := make(chan string, (with.runs+1)*with.limit)
	for range cap(tokens) {
		token, err := admin.token(ctx, "")
		if err != nil {
			return nil, err
		}
		tokens <- token
	}
	key := newKey()
	return measured(ctx, with, func(ctx context.Context, _ int) (int, error) {
		_, err := admin.attest(ctx, with, <-tokens, key)
		return 1, err
	})
}

// createEntries: BatchCreateEntry of -size entries a call; with -count all of them below one parent.
func createEntries(ctx context.Context, with *options) (any, error) {
	admin, err := administer(ctx, with)
	if err != nil {
		return nil, err
	}
	conns, err := local(with)
	if err != nil {
		return nil, err
	}
	var parents atomic.Int64
	return measured(ctx, with, func(ctx context.Context, caller int) (int, error) {
		parent := "/one-parent"
		if with.count == 0 {
			parent = fmt.Sprintf("/host/%d/%d", caller, parents.Add(1))
		}
		to := administrator{entry: entryv1.NewEntryClient(conns[caller]), roots: admin.roots}
		ids, err := to.register(ctx, with.entries(with.size, parent))
		return len(ids), err
	})
}

// listEntries: all entries there are, in pages of 500; an operation is an entry.
func listEntries(ctx context.Context, with *options) (any, error) {
	conns, err := local(with)
	if err != nil {
		return nil, err
	}
	tokens := make([]string, with.callers)
	return measured(ctx, with, func(ctx context.Context, caller int) (int, error) {
		request := &entryv1.ListEntriesRequest{PageSize: page, PageToken: tokens[caller]}
		answer, err := entryv1.NewEntryClient(conns[caller]).ListEntries(ctx, request)
		tokens[caller] = answer.GetNextPageToken()
		return len(answer.GetEntries()), err
	})
}

func syncFull(ctx context.Context, with *options) (any, error) { return synchronize(ctx, with, true) }
func syncRevisions(ctx context.Context, with *options) (any, error) {
	return synchronize(ctx, with, false)
}

var syncMask = &types.EntryMask{
	SpiffeId: true, Selectors: true, FederatesWith: true, Admin: true, Downstream: true, RevisionNumber: true,
	StoreSvid: true, Hint: true, CreatedAt: true,
}

// synchronize: what an agent with -count entries calls; an operation is a call. Entries in full or not.
func synchronize(ctx context.Context, with *options, full bool) (any, error) {
	admin, err := administer(ctx, with)
	if err != nil {
		return nil, err
	}
	conns, err := callers(ctx, with, admin, loadPath)
	if err != nil {
		return nil, err
	}
	for left := with.count; left > 0; left -= page {
		if _, err := admin.register(ctx, with.entries(min(page, left), loadPath)); err != nil {
			return nil, err
		}
	}
	if err := admin.held(ctx, conns[0], with.count); err != nil {
		return nil, err
	}
	return measured(ctx, with, func(ctx context.Context, caller int) (int, error) {
		return 1, syncOnce(ctx, entryv1.NewEntryClient(conns[caller]), full, with.count)
	})
}

func syncOnce(ctx context.Context, client entryv1.EntryClient, full bool, least int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := client.SyncAuthorizedEntries(ctx)
	if err != nil {
		return err
	}
	if err := stream.Send(&entryv1.SyncAuthorizedEntriesRequest{OutputMask: syncMask}); err != nil {
		return err
	}
	var ids []string
	for {
		answer, err := stream.Recv()
		if err != nil {
			return err
		}
		for _, one := range answer.EntryRevisions {
			ids = append(ids, one.Id)
		}
		if !answer.More {
			break
		}
	}
	if len(ids) < least {
		return fmt.Errorf("%d revisions of %d entries", len(ids), least)
	}
	if full {
		if err := wanted(stream, ids); err != nil {
			return err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("not the end: %w", err)
	}
	return nil
}

func wanted(stream entryv1.Entry_SyncAuthorizedEntriesClient, ids []string) error {
	if err := stream.Send(&entryv1.SyncAuthorizedEntriesRequest{Ids: ids}); err != nil {
		return err
	}
	count := 0
	for {
		answer, err := stream.Recv()
		if err != nil {
			return err
		}
		count += len(answer.Entries)
		if !answer.More {
			break
		}
	}
	if count != len(ids) {
		return fmt.Errorf("%d entries of %d", count, len(ids))
	}
	return nil
}

// together runs work for 0..count-1 at once and answers the first error.
func together(count int, work func(i int) error) error {
	var wait sync.WaitGroup
	problems := make(chan error, count)
	for i := range count {
		wait.Go(func() {
			if err := work(i); err != nil {
				problems <- err
			}
		})
	}
	wait.Wait()
	close(problems)
	return <-problems
}
