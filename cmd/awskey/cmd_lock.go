package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/awskeyd/awskeyd/daemon/api"
)

// lockCmd is for a person who leaves the machine, or lends it.
func (a *app) lockCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "lock",
		Short: "forgets every secret; hands nothing out until unlock",
		Long: `Makes the service forget every secret that it holds in memory. Until awskey
unlock nothing is handed out and rotations stand still, also if the service is
started anew. An access key that is just being made is stored first, which takes
30 s at most.`,
		Example: "  awskey lock",
		Args:    unnamed,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.daemon.Lock(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				a.document(s)
				return nil
			}
			a.printf("locked: every secret in memory is forgotten, and nothing is handed out until\n\n    awskey unlock\n")
			return nil
		},
	}
}

// unlockCmd is the one verb upon which the keyring may ask: helpers never do.
func (a *app) unlockCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "unlock",
		Short: "opens the store again; your keyring may ask first",
		Long: `Opens the store again after awskey lock, or unlocks your keyring, which may ask
for its password. It waits two minutes for the answer; Ctrl-C gives up.`,
		Example: "  awskey unlock",
		Args:    unnamed,
		RunE: func(cmd *cobra.Command, _ []string) error {
			type answer struct {
				store api.Store
				err   error
			}
			answered := make(chan answer, 1)
			go func() { // ends with the request, which Ctrl-C ends
				s, err := a.daemon.Unlock(cmd.Context())
				answered <- answer{s, err}
			}()
			slow := time.NewTimer(time.Second)
			defer slow.Stop()
			for {
				select {
				case <-slow.C:
					a.note("waiting for your keyring: answer its prompt, or give up with Ctrl-C")
					continue
				case got := <-answered:
					if got.err != nil {
						return got.err
					}
					if a.json {
						a.document(got.store)
						return nil
					}
					a.printf("unlocked: %s\n", storeText(got.store))
					return nil
				}
			}
		},
	}
}
