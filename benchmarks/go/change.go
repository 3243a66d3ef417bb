package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/spiffe/go-spiffe/v2/proto/spiffe/workload"
	entryv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/entry/v1"
	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
)

// steps of one entry's life, in which a change is waited for on the stream.
var steps = []string{"create", "update", "delete"}

type latencies struct {
	Changes map[string]run `json:"changes"`
	Rate    float64        `json:"rate"`
}

// seen says what the workload's stream shows: for each SPIFFE ID the DNS names of its SVID.
type seen struct {
	lock  sync.Mutex
	names map[string]string
	moved chan struct{}
}

func (s *seen) put(answer *workload.X509SVIDResponse) error {
	names := map[string]string{}
	for _, one := range answer.Svids {
		leaf, err := x509.ParseCertificates(one.X509Svid)
		if err != nil {
			return err
		}
		names[one.SpiffeId] = fmt.Sprint(leaf[0].DNSNames)
	}
	s.lock.Lock()
	moved := s.moved
	s.names, s.moved = names, make(chan struct{})
	s.lock.Unlock()
	close(moved)
	return nil
}

func (s *seen) until(ctx context.Context, holds func(names map[string]string) bool) error {
	for {
		s.lock.Lock()
		names, moved := s.names, s.moved
		s.lock.Unlock()
		if holds(names) {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// change: -count entries live their life, one change each 1/-rate seconds, while -watchers agents watch. Each
// latency is from the request of the client to the bytes at an open stream of a workload.
func change(ctx context.Context, with *options) (any, error) {
	admin, err := administer(ctx, with)
	if err != nil {
		return nil, err
	}
	if _, err := admin.register(ctx, with.entries(1, nodePath, ownSelector)); err != nil {
		return nil, err
	}
	view, err := follow(ctx, with)
	if err != nil {
		return nil, err
	}
	var lock sync.Mutex
	times := map[string][]float64{}
	before, start := cpu(with), time.Now()
	tick := time.NewTicker(time.Duration(float64(time.Second) / with.rate))
	defer tick.Stop()
	turn := func() { <-tick.C }
	const lives = 3 // lives at a time, so that a change need not wait for the one before
	err = together(lives, func(i int) error {
		for n := i; n < with.count; n += lives {
			entry := with.entries(1, nodePath, ownSelector)[0]
			for _, step := range steps {
				turn()
				took, err := live(ctx, admin, view, entry, step)
				if err != nil {
					return fmt.Errorf("%s: %w", step, err)
				}
				lock.Lock()
				times[step] = append(times[step], took)
				lock.Unlock()
			}
		}
		return nil
	})
	result := latencies{Changes: map[string]run{}, Rate: with.rate}
	for step, all := range times {
		result.Changes[step] = summary(with, before, time.Since(start), len(all), all)
	}
	return result, err
}

func live(ctx context.Context, admin *administrator, view *seen, entry *types.Entry, step string) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	id := "spiffe://" + trustDomain + entry.SpiffeId.Path
	start := time.Now()
	var err error
	holds := func(names map[string]string) bool { return names[id] != "" }
	switch step {
	case "create":
		var ids []string
		if ids, err = admin.register(ctx, []*types.Entry{entry}); err == nil {
			entry.Id = ids[0]
		}
	case "update":
		entry.DnsNames = []string{"changed"}
		_, err = admin.entry.BatchUpdateEntry(ctx, &entryv1.BatchUpdateEntryRequest{
			Entries: []*types.Entry{entry}, InputMask: &types.EntryMask{DnsNames: true}})
		holds = func(names map[string]string) bool { return names[id] == "[changed]" }
	case "delete":
		_, err = admin.entry.BatchDeleteEntry(ctx, &entryv1.BatchDeleteEntryRequest{Ids: []string{entry.Id}})
		holds = func(names map[string]string) bool { return names[id] == "" }
	}
	if err == nil {
		err = view.until(ctx, holds)
	}
	return microseconds(time.Since(start)), err
}

// follow opens a workload's stream; it returns with the first SVID.
func follow(ctx context.Context, with *options) (*seen, error) {
	if _, err := firstSVID(ctx, with); err != nil {
		return nil, err
	}
	conn, err := dialUnix(with.workload)
	if err != nil {
		return nil, err
	}
	stream, err := workload.NewSpiffeWorkloadAPIClient(conn).FetchX509SVID(asWorkload(ctx), &workload.X509SVIDRequest{})
	if err != nil {
		return nil, err
	}
	view := &seen{names: map[string]string{}, moved: make(chan struct{})}
	go func() {
		for {
			answer, err := stream.Recv()
			if err == nil {
				err = view.put(answer)
			}
			if err != nil {
				if ctx.Err() == nil {
					fmt.Fprintln(os.Stderr, "stream of the workload:", err)
				}
				return
			}
		}
	}()
	return view, view.until(ctx, func(names map[string]string) bool { return len(names) > 0 })
}

// watchers: -count agents over mTLS, each with an open Changes/Watch, that acknowledge what they get, until
// stdin ends. A line "ready" says that all of them watch.
func watchers(ctx context.Context, with *options) (any, error) {
	admin, err := administer(ctx, with)
	if err != nil {
		return nil, err
	}
	before := resident(with)
	for range with.count {
		conn, err := admin.join(ctx, with, "")
		if err != nil {
			return nil, err
		}
		if err := watch(ctx, conn); err != nil {
			return nil, err
		}
	}
	fmt.Println("ready")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return nil, err
	}
	growth := map[string]float64{}
	for name, now := range resident(with) {
		growth[name] = (now - before[name]) * 1024 / float64(with.count)
	}
	return map[string]any{"kib_per_watcher": growth}, nil
}

// Messages of finial.change.v1, by their field numbers: Open is 1, Acknowledge 2, each position is 1; `more` is 7.
const (
	openField, acknowledgeField, positionField, moreField = 1, 2, 1, 7
)

func watch(ctx context.Context, conn *grpc.ClientConn) error {
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true},
		"/finial.change.v1.Changes/Watch", grpc.ForceCodec(raw{}))
	if err != nil {
		return err
	}
	if err := stream.SendMsg(step(openField, nil)); err != nil {
		return err
	}
	var answer []byte
	if err := stream.RecvMsg(&answer); err != nil {
		return err
	}
	go func() {
		for {
			position, more := read(answer)
			if !more {
				if err := stream.SendMsg(step(acknowledgeField, position)); err != nil {
					return
				}
			}
			if err := stream.RecvMsg(&answer); err != nil {
				return
			}
		}
	}()
	return nil
}

func step(field protowire.Number, position []byte) []byte {
	inner := protowire.AppendBytes(protowire.AppendTag(nil, positionField, protowire.BytesType), position)
	return protowire.AppendBytes(protowire.AppendTag(nil, field, protowire.BytesType), inner)
}

func read(message []byte) (position []byte, more bool) {
	for len(message) > 0 {
		number, kind, size := protowire.ConsumeTag(message)
		message = message[size:]
		value := protowire.ConsumeFieldValue(number, kind, message)
		switch number {
		case positionField:
			position, _ = protowire.ConsumeBytes(message)
		case moreField:
			flag, _ := protowire.ConsumeVarint(message)
			more = flag != 0
		}
		message = message[value:]
	}
	return position, more
}

// raw passes messages as the bytes they are.
type raw struct{}

func (raw) Marshal(message any) ([]byte, error) { return message.([]byte), nil }

func (raw) Unmarshal(data []byte, message any) error {
	*message.(*[]byte) = append([]byte(nil), data...)
	return nil
}

func (raw) Name() string { return "proto" }
