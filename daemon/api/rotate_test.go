package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// TestBodyOfARotation: no body is a plain rotation, as curl sends it, and what
// is not understood is refused: a leaked key must never be rotated at leisure
// because a word was misspelt.
func TestBodyOfARotation(t *testing.T) {
	for name, c := range map[string]struct {
		body   string
		status int
		want   []string
	}{
		"no body":         {"", http.StatusOK, []string{"Rotate[work {false}]"}},
		"an empty one":    {"{}", http.StatusOK, []string{"Rotate[work {false}]"}},
		"leaked":          {`{"leaked": true}`, http.StatusOK, []string{"Rotate[work {true}]"}},
		"a misspelt word": {`{"leeked": true}`, http.StatusBadRequest, nil},
		"a wrong type":    {`{"leaked": "yes"}`, http.StatusBadRequest, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{}
			_, path := serve(t, f, quiet())
			answer := exchange(t, path, fmt.Sprintf("POST /v1/keys/work/rotate HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s", len(c.body), c.body))
			if !strings.HasPrefix(answer, fmt.Sprintf("HTTP/1.0 %d ", c.status)) {
				t.Errorf("answered %q", answer)
			}
			if got := f.took(); !reflect.DeepEqual(got, c.want) {
				t.Errorf("the service was asked %q, want %q", got, c.want)
			}
		})
	}
}

// TestAKeyToBeMadeHasNoSecret: the document that asks for it has no place for
// one, not even an empty one.
func TestAKeyToBeMadeHasNoSecret(t *testing.T) {
	body, err := json.Marshal(AddRequest{Create: &CreateRequest{User: "bob", With: "boss"}})
	if got, want := string(body), `{"create":{"user":"bob","with":"boss"}}`; got != want || err != nil {
		t.Errorf("%s (%v), want %s", got, err, want)
	}
}

// TestNoUsersIsAList: as every other list.
func TestNoUsersIsAList(t *testing.T) {
	_, path := serve(t, &fake{}, quiet())
	if answer := exchange(t, path, "GET /v1/keys/work/users HTTP/1.0\r\n\r\n"); !strings.HasSuffix(answer, "\r\n\r\n{\"names\":[]}\n") {
		t.Errorf("answered %q", answer)
	}
}
