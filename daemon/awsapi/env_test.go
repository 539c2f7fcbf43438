package awsapi

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// trapChild is set in the process whose whole environment is traps. It must be
// a process: net/http reads its proxy variables once.
const trapChild = "AWSAPI_TRAP_CHILD"

// Whatever AWS_* variables, AWS files and proxy variables say: nothing of it
// reaches a request. That the traps are set right is shown by the SDK's own
// loader, which walks into them.
func TestEnvironmentIsNotRead(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var sprung atomic.Int32
	trap := "http://" + peer(t, func(net.Conn) { sprung.Add(1) })
	marker := filepath.Join(dir, "credential_process-was-run")
	section := "region = eu-trap-1\nendpoint_url = " + trap + "\nca_bundle = " + newAuthority(t, "Trap CA").path +
		"\nuse_fips_endpoint = true\nuse_dualstack_endpoint = true\nmax_attempts = 5\ncredential_process = sh -c 'touch " + marker + "; exit 1'\n"
	keys := "aws_access_key_id = AKIATRAP\naws_secret_access_key = trap\naws_session_token = trap\n"
	write(".aws/config", "[default]\n"+section)
	write(".aws/credentials", "[default]\n"+keys)

	env := []string{
		trapChild + "=" + trap, "HOME=" + dir, "USERPROFILE=" + dir, "TMPDIR=" + dir, "PATH=" + os.Getenv("PATH"), "SYSTEMROOT=" + os.Getenv("SYSTEMROOT"),
		"AWS_CONFIG_FILE=" + write("config", "[profile trap]\n"+section), "AWS_SHARED_CREDENTIALS_FILE=" + write("credentials", "[trap]\n"+keys),
		"AWS_ACCESS_KEY_ID=AKIATRAP", "AWS_SECRET_ACCESS_KEY=trap", "AWS_SESSION_TOKEN=trap",
		"AWS_PROFILE=trap", "AWS_DEFAULT_PROFILE=trap", "AWS_REGION=eu-trap-1", "AWS_DEFAULT_REGION=eu-trap-1",
		"AWS_ENDPOINT_URL=" + trap, "AWS_ENDPOINT_URL_IAM=" + trap, "AWS_ENDPOINT_URL_STS=" + trap,
		"AWS_ENDPOINT_URL_CLOUDTRAIL=" + trap, "AWS_ENDPOINT_URL_CLOUDWATCH=" + trap, "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS=" + trap,
		"AWS_CA_BUNDLE=" + newAuthority(t, "Trap CA").path, "AWS_USE_FIPS_ENDPOINT=true", "AWS_USE_DUALSTACK_ENDPOINT=true",
		"AWS_MAX_ATTEMPTS=5", "AWS_RETRY_MODE=adaptive", "AWS_NEW_RETRIES_2026=true", "AWS_SDK_UA_APP_ID=trap", "AWS_EXECUTION_ENV=trap",
		"AWS_LAMBDA_FUNCTION_NAME=trap", "_X_AMZN_TRACE_ID=trap", "AWS_DEFAULTS_MODE=auto", "AWS_STS_REGIONAL_ENDPOINTS=legacy",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + trap, "AWS_EC2_METADATA_SERVICE_ENDPOINT=" + trap, "AWS_WEB_IDENTITY_TOKEN_FILE=" + marker, "AWS_ROLE_ARN=trap",
		"HTTPS_PROXY=" + trap, "https_proxy=" + trap, "HTTP_PROXY=" + trap, "http_proxy=" + trap, "ALL_PROXY=" + trap, "all_proxy=" + trap,
	}
	run := func(test string, more ...string) {
		child := exec.Command(os.Args[0], "-test.run=^"+test+"$", "-test.v")
		child.Env, child.Dir = append(env, more...), dir
		out, err := child.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: "+test) {
			t.Errorf("%v\n%s", err, out)
		}
	}
	run("TestUnderTraps")
	if _, err := os.Stat(marker); err == nil {
		t.Error("a credential_process was run")
	}
	if sprung.Load() != 0 {
		t.Errorf("%d connections to a trap", sprung.Load())
	}
	if _, err := http.Get(trap); err == nil || sprung.Load() != 1 {
		t.Errorf("the trap does not count: %v, %d", err, sprung.Load())
	}
	run("TestTrapsAreReal", "AWS_DEFAULTS_MODE=legacy") // auto waits for instance metadata
}

// The SDK's loader and net/http walk into the traps.
func TestTrapsAreReal(t *testing.T) {
	trap := os.Getenv(trapChild)
	if trap == "" {
		return // TestEnvironmentIsNotRead runs it, in a process of its own
	}
	loaded, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := loaded.Credentials.Retrieve(t.Context()); err != nil || got.AccessKeyID != "AKIATRAP" {
		t.Errorf("credentials not trapped: %v, %v", got.AccessKeyID, err)
	}
	r := new(recorder)
	client := sts.NewFromConfig(loaded, func(o *sts.Options) {
		if o.EndpointOptions.UseFIPSEndpoint != aws.FIPSEndpointStateEnabled || o.EndpointOptions.UseDualStackEndpoint != aws.DualStackEndpointStateEnabled || o.Region != "eu-trap-1" {
			t.Errorf("region, FIPS or dual stack not trapped: %q, %+v", o.Region, o.EndpointOptions)
		}
		o.EndpointOptions = sts.EndpointResolverOptions{} // FIPS forbids an endpoint, the next trap
		o.HTTPClient, o.RetryMaxAttempts = &http.Client{Transport: r}, 1
	})
	client.GetCallerIdentity(t.Context(), nil)
	if len(r.requests) != 1 || !strings.HasPrefix(r.requests[0].URL.String(), trap) || r.requests[0].Header.Get("X-Amzn-Trace-Id") != "trap" ||
		r.requests[0].Header.Get("X-Amz-Security-Token") != "trap" || !strings.Contains(r.requests[0].UserAgent(), "exec-env/trap") {
		t.Errorf("endpoint or headers not trapped: %+v", r.requests)
	}
	if u, err := http.ProxyFromEnvironment(mustRequest(t, "https://iam.amazonaws.com")); err != nil || u == nil || u.String() != trap {
		t.Errorf("proxy not trapped: %v, %v", u, err)
	}
}

func TestUnderTraps(t *testing.T) {
	if os.Getenv(trapChild) == "" {
		return // TestEnvironmentIsNotRead runs it, in a process of its own
	}
	ca := newAuthority(t, "AWS for the test")
	var requests atomic.Int32
	s := serveTLS(t, ca.config(), func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if all := strings.ToLower(r.Host + r.RequestURI); strings.Contains(all, "trap") || strings.Contains(all, "fips") || strings.Contains(all, "api.aws") {
			t.Errorf("asked %s", all)
		}
		for name, values := range r.Header {
			if strings.Contains(strings.ToLower(strings.Join(values, " ")), "trap") || name == "X-Amz-Security-Token" || name == "X-Amzn-Trace-Id" {
				t.Errorf("header %s: %q", name, values)
			}
		}
		contains(t, r.Header.Get("Authorization"), "Credential="+testKey.ID+"/")
		if r.UserAgent() != "awskeyd/dev" {
			t.Errorf("user agent %q", r.UserAgent())
		}
		refusal(w, r, 503, "Throttling", "Rate exceeded")
	})
	c := newClient(t, Config{CABundle: ca.path})
	hosts := toward(c, s.Listener.Addr().String())
	for _, call := range calls {
		_, err := call(t.Context(), c)
		failure(t, err, ClassThrottled)
	}
	if int(requests.Load()) != len(calls) {
		t.Errorf("%d requests for %d calls", requests.Load(), len(calls))
	}
	for _, host := range hosts.list() {
		if !regexp.MustCompile(`^(iam|sts\.us-east-1|monitoring\.us-east-1|(cloudtrail|logs)\.eu-test-\d+)\.amazonaws\.com:443$`).MatchString(host) {
			t.Errorf("dialed %s", host)
		}
	}

	// AWS_CA_BUNDLE names a CA that must not be trusted.
	untrusted := newClient(t, Config{})
	toward(untrusted, s.Listener.Addr().String())
	_, _, err := untrusted.WhoAmI(context.Background(), testKey)
	failure(t, err, ClassNotSent)
}

func mustRequest(t *testing.T, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
