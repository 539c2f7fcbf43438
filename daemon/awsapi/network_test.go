package awsapi

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// authority is a certificate authority of the test's own.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	path string // PEM file
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name, Organization: []string{"Example"}},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key: key, path: filepath.Join(t.TempDir(), "ca.pem")}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(a.path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

// issue makes a certificate for host that ends then.
func (a *authority) issue(host string, end time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: end.Add(-48 * time.Hour), NotAfter: end, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// config shows for every host a certificate of the authority's.
func (a *authority) config() *tls.Config {
	return &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		host := hello.ServerName
		if host == "" {
			host = "127.0.0.1"
		}
		return a.issue(host, time.Now().Add(24*time.Hour))
	}}
}

// serveTLS starts a server that passes for AWS: a certificate for whatever
// host it is asked for.
func serveTLS(t *testing.T, config *tls.Config, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Listener = tls.NewListener(s.Listener, config) // StartTLS would show httptest's own certificate to an IP address
	s.Config.ErrorLog = log.New(io.Discard, "", 0)   // refused handshakes are the point
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// connectProxy is an HTTP proxy as companies have them. It leads every CONNECT
// to one server, whatever host was asked for.
type connectProxy struct {
	*httptest.Server
	to        string           // address of the server that passes for AWS
	auth      string           // Proxy-Authorization it wants; empty is none
	refuse    int              // status it answers to every CONNECT; 0 is to grant it
	intercept *authority       // opens TLS with certificates of its own
	inside    http.HandlerFunc // answers what was opened

	mu      sync.Mutex
	targets []string
	open    sync.WaitGroup
}

func newProxy(t *testing.T, p *connectProxy) *connectProxy {
	t.Helper()
	p.Server = httptest.NewServer(p)
	t.Cleanup(func() { p.Close(); p.open.Wait() })
	return p
}

func (p *connectProxy) seen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.targets...)
}

func (p *connectProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.open.Add(1)
	defer p.open.Done()
	p.mu.Lock()
	p.targets = append(p.targets, r.Method+" "+r.Host)
	p.mu.Unlock()
	switch {
	case r.Method != http.MethodConnect:
		http.Error(w, "only CONNECT", http.StatusMethodNotAllowed)
	case p.auth != "" && r.Header.Get("Proxy-Authorization") != p.auth:
		w.Header().Set("Proxy-Authenticate", `Basic realm="proxy"`)
		http.Error(w, "who are you", http.StatusProxyAuthRequired)
	case p.refuse != 0:
		http.Error(w, "<h1>Blocked by policy</h1>", p.refuse)
	default:
		p.lead(w, r.Host)
	}
}

func (p *connectProxy) lead(w http.ResponseWriter, host string) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
	if p.intercept != nil {
		inner := tls.Server(conn, p.intercept.config())
		defer inner.Close()
		if r, err := http.ReadRequest(bufio.NewReader(inner)); err == nil {
			answer := httptest.NewRecorder()
			p.inside(answer, r)
			answer.Result().Write(inner)
		}
		return
	}
	out, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer out.Close()
	var back sync.WaitGroup
	back.Go(func() {
		io.Copy(conn, out)
		conn.Close()
	})
	io.Copy(out, conn)
	out.Close()
	back.Wait()
}

// toward makes a client dial addr whatever host it means to reach, as a
// network does that answers every name with itself. It returns the names.
func toward(c *Client, addr string) *dialed {
	d := new(dialed)
	c.wire.dial = func(ctx context.Context, network, asked string) (net.Conn, error) {
		d.mu.Lock()
		d.hosts = append(d.hosts, asked)
		d.mu.Unlock()
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	return d
}

type dialed struct {
	mu    sync.Mutex
	hosts []string
}

func (d *dialed) list() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.hosts...)
}

// peer is a raw TCP server: one goroutine per connection, all ended and waited
// for at the end of the test.
func peer(t *testing.T, serve func(net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			all.Go(func() {
				serve(conn)
				conn.Close()
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return l.Addr().String()
}

// readRequest reads one whole request.
func readRequest(conn net.Conn) *http.Request {
	r, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return nil
	}
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	return r
}
