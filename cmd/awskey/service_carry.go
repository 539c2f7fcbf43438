package main

import (
	"net/url"
	"path/filepath"
	"strings"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/config"
	"github.com/awskeyd/awskeyd/helper"
)

// carried is a setting of [aws] that a variable of this shell was written into.
type carried struct{ variable, setting, value string }

// carry writes the way to AWS that this shell is told of into the configuration,
// where nothing else stands: a service inherits none of it.
func (a *app) carry() (list []carried, err error) {
	c, err := a.configured()
	if err != nil {
		return nil, err
	}
	path, err := helper.ConfigFile(a.env)
	if err != nil {
		return nil, err
	}
	now := c.AWS("")
	for _, x := range []struct {
		setting, stands string
		variables       []string
	}{
		{"proxy", now.Proxy, []string{"HTTPS_PROXY", "https_proxy"}},
		{"no_proxy", now.NoProxy, []string{"NO_PROXY", "no_proxy"}},
		{"ca_bundle", now.CABundle, []string{"AWS_CA_BUNDLE"}},
	} {
		for _, variable := range x.variables {
			value := a.env(variable)
			if value == "" || x.stands != "" {
				continue
			}
			if x.setting == "ca_bundle" {
				if value, err = filepath.Abs(value); err != nil {
					return list, err
				}
			}
			if x.setting == "proxy" && !strings.Contains(value, "://") { // as curl and the SDKs take it
				value = "http://" + value
			}
			if err := config.SetAWS(path, x.setting, value); err != nil {
				return list, &api.Error{Code: "not-carried", Message: "could not write " + variable + " into the configuration: " + err.Error(), Remedy: "unset it, or write " + x.setting + " below [aws] in " + path, Exit: helper.ExitFailed}
			}
			list = append(list, carried{variable, x.setting, value})
			break
		}
	}
	return list, nil
}

// withoutPassword is the address of a proxy as it may be shown.
func withoutPassword(text string) string {
	if u, err := url.Parse(text); err == nil && u.User != nil {
		return u.Redacted()
	}
	return text
}
