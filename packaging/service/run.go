// Package service runs the daemon under whatever starts it: a service manager
// or a terminal.
//
// It must never know what the daemon does, and it does not use the library's
// logger, which opens a syslog socket.
package service

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/kardianos/service"
)

// Run calls run and ends its context at the system's request to stop: a
// signal, or the service manager's word. It returns what run returned. A second
// signal ends the program at once, as a person who types Ctrl-C twice expects.
func Run(name string, run func(context.Context) error) error {
	p := &program{run: run, done: make(chan struct{}), signals: make(chan os.Signal, 2)}
	signal.Notify(p.signals, syscall.SIGTERM, os.Interrupt) // before Start: a stop may come at once
	defer signal.Stop(p.signals)
	s, err := service.New(p, &service.Config{Name: name, Option: service.KeyValue{"RunWait": p.wait}})
	if err != nil {
		return err
	}
	err = s.Run()
	return errors.Join(err, p.err) // p.err is there once Run has returned
}

// program is what the library drives: Start returns at once, Stop waits.
type program struct {
	run    func(context.Context) error
	cancel context.CancelFunc
	done   chan struct{}
	err    error // read after done

	signals chan os.Signal
}

func (p *program) Start(service.Service) error {
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	go func() {
		defer close(p.done)
		p.err = p.run(ctx)
	}()
	return nil
}

func (p *program) Stop(service.Service) error {
	p.cancel()
	<-p.done
	return nil
}

// wait replaces the library's, which would sleep on after run has failed.
func (p *program) wait() {
	select {
	case <-p.signals:
		go func() { // ends with the program
			<-p.signals
			os.Exit(1)
		}()
	case <-p.done:
	}
}
