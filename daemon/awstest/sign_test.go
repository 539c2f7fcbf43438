package awstest_test

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/awstest"
)

// TestSign makes what the checking side accepts, and nothing it would accept
// from another secret.
func TestSign(t *testing.T) {
	s := awstest.NewServer(awstest.Options{})
	defer s.Close()
	s.CreateUser("bob", "/", awstest.Rotator())
	id, secret := s.IssueKey("bob")
	body := []byte("Action=ListTopics&Version=2010-03-31")
	for text, want := range map[string]int{secret: http.StatusOK, secret[1:] + "x": http.StatusForbidden} {
		r, err := http.NewRequest(http.MethodPost, s.URL+"/", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		awstest.Sign(r, body, id, text, awstest.SNS, "eu-west-1", time.Now())
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Body.Close(); answer.StatusCode != want {
			t.Errorf("answered %d, want %d", answer.StatusCode, want)
		}
	}
}
