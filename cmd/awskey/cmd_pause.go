package main

import (
	"github.com/spf13/cobra"
)

// pauseCmd is a person's brake, unlike a hold, which is the daemon's. Serving
// never stops for it.
func (a *app) pauseCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "pause NAME",
		Short:   "freezes every step that changes IAM, never serving",
		Example: "  awskey pause work",
		Args:    named(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			k, err := a.daemon.Pause(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if a.json {
				a.document(k)
				return nil
			}
			a.printf("%s is paused: it is served as before, and nothing in IAM changes until\n\n    awskey resume %s\n", k.Name, k.Name)
			return nil
		},
	}
}

// resumeCmd ends a pause and settles no hold: that is resolve.
func (a *app) resumeCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "resume NAME",
		Short:   "ends a pause",
		Example: "  awskey resume work",
		Args:    named(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			k, err := a.daemon.Resume(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if a.json {
				a.document(k)
				return nil
			}
			a.printf("%s goes on: %s\n", k.Name, a.stand(k))
			return nil
		},
	}
}
