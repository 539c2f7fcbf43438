package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/awskeyd/awskeyd/helper"
)

// route is one request the socket answers, and nothing else is answered.
type route struct {
	method, path string
	serve        func(s *server, w http.ResponseWriter, r *http.Request)
}

// routes is the one table of requests, a line for every method of [Service]:
//
//	GET    /v1/credentials/{profile}   Credentials
//	GET    /v1/status                  Status
//	POST   /v1/identify                Identify
//	POST   /v1/standing                Standing
//	GET    /v1/keys/{name}             Key
//	PUT    /v1/keys/{name}             Add
//	DELETE /v1/keys/{name}             Remove
//	POST   /v1/keys/{name}/rename      Rename
//	POST   /v1/keys/{name}/rotate      Rotate
//	POST   /v1/keys/{name}/rollback    Rollback
//	POST   /v1/keys/{name}/pause       Pause
//	POST   /v1/keys/{name}/resume      Resume
//	POST   /v1/keys/{name}/resolve     Resolve
//	POST   /v1/keys/{name}/check       Check
//	POST   /v1/keys/{name}/eject       Eject
//	GET    /v1/keys/{name}/policy      Policy
//	GET    /v1/keys/{name}/users       Users
//	GET    /v1/history?key=&limit=     History
//	GET    /v1/events                  Events
//	POST   /v1/lock                    Lock
//	POST   /v1/unlock                  Unlock
//	GET    /v1/store/backends          Backends
//	PUT    /v1/store/backend           Choose
//	POST   /v1/store/migrate           Migrate
//	GET    /v1/store/migrate           Migration
func routes() []route {
	return []route{
		{"GET", "/v1/credentials/{profile}", last((*server).credentials)},
		{"GET", "/v1/status", answer(func(ctx context.Context, svc Service, r *http.Request) (Status, error) {
			status, err := svc.Status(ctx)
			status.Keys, status.Profiles, status.Warnings = some(status.Keys), some(status.Profiles), some(status.Warnings)
			return status, err
		})},
		{"POST", "/v1/identify", last(answer(func(ctx context.Context, svc Service, r *http.Request) (Identity, error) {
			request, err := readJSON[IdentifyRequest](r)
			if err != nil {
				return Identity{}, err
			}
			return svc.Identify(ctx, request)
		}))},
		{"POST", "/v1/standing", answer(func(ctx context.Context, svc Service, r *http.Request) (Standings, error) {
			request, err := readJSON[StandingRequest](r)
			if err == nil && len(request.AccessKeyIDs) > MaxStandings {
				err = NewError(helper.ExitUsage, "too-many", "at most "+strconv.Itoa(MaxStandings)+" access keys can be asked about at once", "")
			}
			if err != nil {
				return Standings{}, err
			}
			all, err := svc.Standing(ctx, request)
			all.AccessKeys = some(all.AccessKeys)
			return all, err
		})},
		{"GET", "/v1/keys/{name}", named(Service.Key)},
		{"PUT", "/v1/keys/{name}", last(namedWith(Service.Add))},
		{"DELETE", "/v1/keys/{name}", namedWith(Service.Remove)},
		{"POST", "/v1/keys/{name}/rename", namedWith(Service.Rename)},
		{"POST", "/v1/keys/{name}/rotate", namedWith(Service.Rotate)},
		{"POST", "/v1/keys/{name}/rollback", named(Service.Rollback)},
		{"POST", "/v1/keys/{name}/pause", named(Service.Pause)},
		{"POST", "/v1/keys/{name}/resume", named(Service.Resume)},
		{"POST", "/v1/keys/{name}/resolve", namedWith(Service.Resolve)},
		{"POST", "/v1/keys/{name}/check", named(func(svc Service, ctx context.Context, name string) (Checked, error) {
			checked, err := svc.Check(ctx, name)
			checked.Checks = some(checked.Checks)
			return checked, err
		})},
		{"POST", "/v1/keys/{name}/eject", last(named(func(svc Service, ctx context.Context, name string) (Ejected, error) {
			out, err := svc.Eject(ctx, name)
			out.LeftInIAM = some(out.LeftInIAM)
			return out, err
		}))},
		{"GET", "/v1/keys/{name}/policy", named(Service.Policy)},
		{"GET", "/v1/keys/{name}/users", named(func(svc Service, ctx context.Context, name string) (Users, error) {
			users, err := svc.Users(ctx, name)
			users.Names = some(users.Names)
			return users, err
		})},
		{"GET", "/v1/history", answer(history)},
		{"GET", "/v1/events", (*server).events},
		{"POST", "/v1/lock", answer(func(ctx context.Context, svc Service, _ *http.Request) (Store, error) { return svc.Lock(ctx) })},
		{"POST", "/v1/unlock", within(unlockWithin, func(ctx context.Context, svc Service, _ *http.Request) (Store, error) { return svc.Unlock(ctx) })},
		{"GET", "/v1/store/backends", answer(func(ctx context.Context, svc Service, r *http.Request) ([]Backend, error) {
			backends, err := svc.Backends(ctx)
			return some(backends), err
		})},
		{"PUT", "/v1/store/backend", answer(func(ctx context.Context, svc Service, r *http.Request) (Backend, error) {
			request, err := readJSON[ChooseRequest](r)
			if err != nil {
				return Backend{}, err
			}
			return svc.Choose(ctx, request)
		})},
		{"POST", "/v1/store/migrate", answer(func(ctx context.Context, svc Service, r *http.Request) (Migration, error) {
			request, err := readJSON[MigrateRequest](r)
			if err != nil {
				return Migration{}, err
			}
			return svc.Migrate(ctx, request)
		})},
		{"GET", "/v1/store/migrate", answer(func(ctx context.Context, svc Service, r *http.Request) (Migration, error) {
			return svc.Migration(ctx)
		})},
	}
}

func newMux(s *server) *http.ServeMux {
	mux := http.NewServeMux()
	known := map[string]bool{}
	for _, route := range routes() {
		mux.HandleFunc(route.method+" "+route.path, func(w http.ResponseWriter, r *http.Request) { route.serve(s, w, r) })
		known[route.path] = true
	}
	for path := range known {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			s.fail(w, &Error{Code: "no-such-request", Message: "the daemon knows no " + helper.Line(r.Method) + " of this path",
				Status: http.StatusMethodNotAllowed, Exit: helper.ExitUsage})
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, &Error{Code: "no-such-request", Message: "the daemon knows no such request",
			Remedy: "awskey and awskeyd may be of different versions; compare: awskey version", Status: http.StatusNotFound, Exit: helper.ExitUsage})
	})
	return mux
}

// last ends the connection with this answer. A secret goes through its buffers,
// and they keep what went through them for as long as it is used.
func last(serve func(s *server, w http.ResponseWriter, r *http.Request)) func(s *server, w http.ResponseWriter, r *http.Request) {
	return func(s *server, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		serve(s, w, r)
	}
}

// credentials answers with the service's very bytes. It takes none of the
// places for other requests, so that no load of those can keep it waiting.
func (s *server) credentials(w http.ResponseWriter, r *http.Request) {
	profile, err := name(r, "profile")
	if err != nil {
		s.fail(w, err)
		return
	}
	s.credentialsTo(w, profile)
}

func (s *server) credentialsTo(w http.ResponseWriter, profile string) {
	defer s.recovered(w, http.MethodGet)
	body, err := s.svc.Credentials(profile)
	if err != nil {
		s.fail(w, err)
		return
	}
	if k, ok := w.(*desk); ok {
		k.answer(body)
	} else {
		write(w, http.StatusOK, body)
	}
	clear(body)
}

// events streams what happens as server-sent events, one JSON [Event] each,
// until the client leaves, the service ends the stream or the daemon stops.
func (s *server) events(w http.ResponseWriter, r *http.Request) {
	if !s.enter(w) {
		return
	}
	defer s.leave()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	events, err := s.svc.Events(ctx)
	if err != nil {
		s.fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	control := http.NewResponseController(w)
	send := func(text []byte) bool {
		if control.SetWriteDeadline(time.Now().Add(writeWithin)) != nil {
			return false
		}
		_, err := w.Write(text)
		return err == nil && control.Flush() == nil
	}
	if !send(nil) {
		return
	}
	for {
		select {
		case event, ok := <-events:
			if !ok {
				return
			}
			data, err := json.Marshal(event)
			if err != nil || !send([]byte("data: "+string(data)+"\n\n")) {
				return
			}
		case <-ctx.Done():
			return
		case <-s.stopping:
			return
		}
	}
}

func history(ctx context.Context, svc Service, r *http.Request) ([]Event, error) {
	query := r.URL.Query()
	key := query.Get("key")
	if key != "" && !helper.ValidName(key) {
		return nil, badName()
	}
	limit := 0
	if text := query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return nil, NewError(helper.ExitUsage, "bad-request", "the limit of a history is a number from 0", "")
		}
		limit = n
	}
	events, err := svc.History(ctx, key, limit)
	return some(events), err
}

// answer makes a handler of a function that returns a document.
func answer[T any](f func(context.Context, Service, *http.Request) (T, error)) func(*server, http.ResponseWriter, *http.Request) {
	return within(workWithin, f)
}

// within is answer with another time limit.
func within[T any](limit time.Duration, f func(context.Context, Service, *http.Request) (T, error)) func(*server, http.ResponseWriter, *http.Request) {
	return func(s *server, w http.ResponseWriter, r *http.Request) {
		if !s.enter(w) {
			return
		}
		defer s.leave()
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		ctx, cancel := context.WithTimeout(r.Context(), limit)
		defer cancel()
		document, err := f(ctx, s.svc, r)
		if err != nil {
			s.fail(w, err)
			return
		}
		writeJSON(w, http.StatusOK, document)
	}
}

// named makes a handler of a method that takes a key's name.
func named[T any](f func(Service, context.Context, string) (T, error)) func(*server, http.ResponseWriter, *http.Request) {
	return answer(func(ctx context.Context, svc Service, r *http.Request) (result T, err error) {
		key, err := name(r, "name")
		if err != nil {
			return result, err
		}
		return f(svc, ctx, key)
	})
}

// namedWith makes a handler of a method that takes a key's name and a document.
func namedWith[Q, T any](f func(Service, context.Context, string, Q) (T, error)) func(*server, http.ResponseWriter, *http.Request) {
	return answer(func(ctx context.Context, svc Service, r *http.Request) (result T, err error) {
		key, err := name(r, "name")
		if err != nil {
			return result, err
		}
		request, err := readJSON[Q](r)
		if err != nil {
			return result, err
		}
		return f(svc, ctx, key, request)
	})
}

// enter takes a place for a request that is not for credentials, or says that
// all are taken.
func (s *server) enter(w http.ResponseWriter) bool {
	select {
	case s.work <- struct{}{}:
		return true
	default:
		s.fail(w, &Error{Code: "busy", Message: "the daemon is answering " + strconv.Itoa(maxWork) + " other requests",
			Remedy: "try again in a moment", Status: http.StatusServiceUnavailable, Exit: helper.ExitFailed})
		return false
	}
}

func (s *server) leave() { <-s.work }

func name(r *http.Request, part string) (string, error) {
	if name := r.PathValue(part); helper.ValidName(name) {
		return name, nil
	}
	return "", badName()
}

func badName() error {
	return NewError(helper.ExitUsage, "bad-name", "a name is up to 64 letters, digits, '.', '_' and '-', and begins with a letter or digit", "")
}

// readJSON reads the one document of a request; no body at all is an empty
// one. Its errors never quote the body, which may hold a secret.
func readJSON[T any](r *http.Request) (document T, err error) {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	err = decoder.Decode(&document)
	if err == nil {
		if _, more := decoder.Token(); more != io.EOF {
			err = errors.New("more than one document")
		}
	}
	if err == nil || err == io.EOF {
		return document, nil
	}
	message := "the body of the request is not the document that it takes"
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		message = "the body of the request is longer than " + strconv.Itoa(maxBody) + " bytes"
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
		message += " (see " + wrong.Field + ")"
	}
	return document, NewError(helper.ExitUsage, "bad-request", message, "awskey and awskeyd may be of different versions; compare: awskey version")
}

func writeJSON(w http.ResponseWriter, status int, document any) {
	body, err := json.Marshal(document)
	if err != nil {
		// Only a time beyond year 9999 does this.
		http.Error(w, "the answer cannot be written as JSON", http.StatusInternalServerError)
		return
	}
	whole := append(body, '\n')
	write(w, status, whole)
	clear(body) // one answer holds a secret
	clear(whole)
}

// write sends a whole answer. A client that has gone is none of our business.
func write(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeWithin))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// some makes an empty list of none, so that JSON says [] and not null.
func some[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}
