// A workload on go-spiffe v2: fetches SVIDs, watches them rotate, speaks mTLS. One JSON line an event.
//
//	spiffepeer x509                      the X.509-SVIDs of this process, once
//	spiffepeer watch -count N            each update of the X.509 context, until N came
//	spiffepeer jwt -audience A           a JWT-SVID, validated here and by the agent
//	spiffepeer serve -id ID              mTLS: answers each client with the ID it proved, until stdin ends
//	spiffepeer call -addr A -id ID       mTLS: connects, expects ID, prints what the server answers
//	spiffepeer hammer -addr A,B -id ID   mTLS: new handshakes with each address, -rate a second, -for so long
//	spiffepeer bare                      how the Workload API refuses a call without the security header
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/jwtbundle"
	"github.com/spiffe/go-spiffe/v2/proto/spiffe/workload"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

var (
	address  = flag.String("addr", "127.0.0.1:0", "address to serve on or to call")
	peer     = flag.String("id", "", "the SPIFFE ID that the other end must have")
	audience = flag.String("audience", "test", "audience of the token")
	count    = flag.Int("count", 1, "updates to wait for")
	timeout  = flag.Float64("timeout", 20, "seconds until it gives up")
	rate     = flag.Float64("rate", 10, "handshakes a second with each address")
	period   = flag.Float64("for", 10, "seconds")
)

func main() {
	command := os.Args[1]
	if err := flag.CommandLine.Parse(os.Args[2:]); err != nil {
		fail(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), seconds(*timeout))
	defer cancel()
	commands := map[string]func(context.Context) error{
		"x509": fetchX509, "watch": watch, "jwt": fetchJWT, "serve": serve, "call": call, "hammer": hammer,
		"bare": bare,
	}
	run, found := commands[command]
	if !found {
		fail(fmt.Errorf("unknown command %q", command))
	}
	if err := run(ctx); err != nil {
		fail(err)
	}
}

func seconds(of float64) time.Duration {
	return time.Duration(of * float64(time.Second))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func tell(event any) {
	line, err := json.Marshal(event)
	if err != nil {
		fail(err)
	}
	fmt.Println(string(line))
}

type identity struct {
	ID     string `json:"id"`
	Serial string `json:"serial"`
	Hint   string `json:"hint"`
	Chain  int    `json:"chain"`
}

type update struct {
	SVIDs   []identity `json:"svids"`
	Bundles []string   `json:"bundles"`
}

func described(found *workloadapi.X509Context) update {
	told := update{}
	for _, svid := range found.SVIDs {
		leaf := svid.Certificates[0]
		told.SVIDs = append(told.SVIDs, identity{svid.ID.String(), leaf.SerialNumber.String(), svid.Hint, len(svid.Certificates)})
		if _, _, err := x509svid.Verify(svid.Certificates, found.Bundles); err != nil {
			fail(err)
		}
	}
	for _, bundle := range found.Bundles.Bundles() {
		told.Bundles = append(told.Bundles, bundle.TrustDomain().Name())
	}
	return told
}

func fetchX509(ctx context.Context) error {
	found, err := workloadapi.FetchX509Context(ctx)
	if err != nil {
		return err
	}
	tell(described(found))
	return nil
}

// watcher ends the watch after so many updates.
type watcher struct {
	left int
	done context.CancelFunc
}

func (w *watcher) OnX509ContextUpdate(found *workloadapi.X509Context) {
	tell(described(found))
	if w.left--; w.left == 0 {
		w.done()
	}
}

// The library calls it for each failure and goes on.
func (w *watcher) OnX509ContextWatchError(err error) {
	if code := status.Code(err); code != codes.Canceled {
		tell(map[string]any{"error": code.String(), "message": status.Convert(err).Message()})
	}
}

func watch(ctx context.Context) error {
	until, done := context.WithCancel(ctx)
	w := &watcher{left: *count, done: done}
	err := workloadapi.WatchX509Context(until, w)
	if w.left > 0 {
		return fmt.Errorf("%d updates are missing: %w", w.left, err)
	}
	return nil
}

func fetchJWT(ctx context.Context) error {
	client, err := workloadapi.New(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	token, err := client.FetchJWTSVID(ctx, jwtsvid.Params{Audience: *audience})
	if err != nil {
		return err
	}
	bundles, err := client.FetchJWTBundles(ctx)
	if err != nil {
		return err
	}
	var source jwtbundle.Source = bundles
	local, err := jwtsvid.ParseAndValidate(token.Marshal(), source, []string{*audience})
	if err != nil {
		return err
	}
	remote, err := client.ValidateJWTSVID(ctx, token.Marshal(), *audience)
	if err != nil {
		return err
	}
	tell(map[string]any{"id": local.ID.String(), "agent": remote.ID.String(), "token": token.Marshal()})
	return nil
}

func authorizer() tlsconfig.Authorizer {
	return tlsconfig.AuthorizeID(spiffeid.RequireFromString(*peer))
}

func serve(ctx context.Context) error {
	source, err := workloadapi.NewX509Source(ctx)
	if err != nil {
		return err
	}
	defer source.Close()
	listener, err := tls.Listen("tcp", *address, tlsconfig.MTLSServerConfig(source, source, authorizer()))
	if err != nil {
		return err
	}
	tell(map[string]any{"address": listener.Addr().String()})
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go answer(connection.(*tls.Conn))
		}
	}()
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func answer(connection *tls.Conn) {
	defer connection.Close()
	if err := connection.Handshake(); err != nil {
		tell(map[string]any{"refused": err.Error()})
		return
	}
	state := connection.ConnectionState()
	id, err := x509svid.IDFromCert(state.PeerCertificates[0])
	if err != nil {
		tell(map[string]any{"refused": err.Error()})
		return
	}
	fmt.Fprintln(connection, id)
}

func call(ctx context.Context) error {
	source, err := workloadapi.NewX509Source(ctx)
	if err != nil {
		return err
	}
	defer source.Close()
	dialer := tls.Dialer{NetDialer: &net.Dialer{}, Config: tlsconfig.MTLSClientConfig(source, source, authorizer())}
	connection, err := dialer.DialContext(ctx, "tcp", *address)
	if err != nil {
		return err
	}
	defer connection.Close()
	line, err := bufio.NewReader(connection).ReadString('\n')
	if err != nil {
		return err
	}
	tell(map[string]any{"answer": line[:len(line)-1]})
	return nil
}

// counted holds how many handshakes were made, and each failure's text with its number.
type counted struct {
	sync.Mutex
	Handshakes int            `json:"handshakes"`
	Failed     map[string]int `json:"failed"`
}

func (c *counted) add(err error) {
	c.Lock()
	defer c.Unlock()
	c.Handshakes++
	if err != nil {
		c.Failed[err.Error()]++
	}
}

func hammer(ctx context.Context) error {
	source, err := workloadapi.NewX509Source(ctx)
	if err != nil {
		return err
	}
	defer source.Close()
	dialer := tls.Dialer{NetDialer: &net.Dialer{}, Config: tlsconfig.MTLSClientConfig(source, source, authorizer())}
	told := counted{Failed: map[string]int{}}
	var all sync.WaitGroup
	for _, one := range strings.Split(*address, ",") {
		all.Add(1)
		go func() {
			defer all.Done()
			ticks := time.NewTicker(seconds(1 / *rate))
			defer ticks.Stop()
			for end := time.Now().Add(seconds(*period)); time.Now().Before(end); <-ticks.C {
				told.add(handshake(ctx, dialer, one))
			}
		}()
	}
	all.Wait()
	tell(&told)
	return nil
}

func handshake(ctx context.Context, dialer tls.Dialer, to string) error {
	connection, err := dialer.DialContext(ctx, "tcp", to)
	if err != nil {
		return err
	}
	defer connection.Close()
	_, err = bufio.NewReader(connection).ReadString('\n')
	return err
}

func bare(ctx context.Context) error {
	connection, err := grpc.NewClient(os.Getenv("SPIFFE_ENDPOINT_SOCKET"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	stream, err := workload.NewSpiffeWorkloadAPIClient(connection).FetchX509SVID(ctx, &workload.X509SVIDRequest{})
	if err != nil {
		return err
	}
	_, err = stream.Recv()
	tell(map[string]any{"error": status.Code(err).String(), "message": status.Convert(err).Message()})
	return nil
}
