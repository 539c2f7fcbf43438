package main

import (
	"runtime"

	"github.com/spf13/cobra"

	"github.com/awskeyd/awskeyd/daemon/api"
)

// versionCmd tells of awskey alone and needs no daemon, whose version stands in
// status.
func (a *app) versionCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "prints the version of awskey",
		Example: "  awskey version",
		Args:    unnamed,
		RunE:    func(*cobra.Command, []string) error { return a.version() },
	}
}

// version is the program's: the release's tag, or the commit it was built from.
func (a *app) version() error {
	v := api.Version()
	if a.json {
		a.document(struct {
			Version string `json:"version"`
			System  string `json:"system"`
			Go      string `json:"go"`
		}{v, runtime.GOOS + "/" + runtime.GOARCH, runtime.Version()})
		return nil
	}
	a.printf("awskey %s (%s/%s, %s)\n", v, runtime.GOOS, runtime.GOARCH, runtime.Version())
	return nil
}
