package main

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"path/filepath"
	"runtime/debug"
)

// The parts of SARIF 2.1.0 (OASIS, static analysis results interchange format)
// that code hosts read.
type (
	sarif struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool    sarifTool     `json:"tool"`
		Results []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID    string    `json:"id"`
		Short sarifText `json:"shortDescription"`
		Help  sarifText `json:"help"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID       string            `json:"ruleId"`
		Level        string            `json:"level"`
		Message      sarifText         `json:"message"`
		Locations    []sarifLocation   `json:"locations,omitempty"`
		Fingerprints map[string]string `json:"partialFingerprints"`
		Properties   map[string]string `json:"properties,omitempty"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
)

var sarifRules = []sarifRule{
	{"aws-access-key", sarifText{"access key of an IAM user"}, sarifText{"Rotate it: whoever has read the file has the key. awskey rotate NAME --leaked does, if awskeyd keeps it."}},
	{"aws-temporary-access-key", sarifText{"temporary access key of AWS"}, sarifText{"It ends by itself. Keep it out of files."}},
	{"aws-secret-access-key", sarifText{"secret access key without its id"}, sarifText{"Find the id that goes with it, and rotate the key."}},
}

func sarifOf(found []*finding) sarif {
	driver := sarifDriver{Name: "awskey scan", Rules: sarifRules}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "(devel)" {
		driver.Version = info.Main.Version
	}
	run := sarifRun{Tool: sarifTool{driver}, Results: []sarifResult{}}
	for _, f := range found {
		r := sarifResult{RuleID: sarifRules[0].ID, Level: "error", Message: sarifText{f.meaning()}, Properties: map[string]string{"state": f.state}}
		switch {
		case f.id == "":
			r.RuleID = sarifRules[2].ID
		case f.id[:4] == "ASIA":
			r.RuleID, r.Level = sarifRules[1].ID, "warning"
		case f.state == stateDeleted, f.state == stateInactive:
			r.Level = "note"
		}
		if f.id != "" {
			r.Message.Text = short(f.id) + ": " + r.Message.Text
		}
		if f.remedy != "" {
			r.Properties["remedy"] = f.remedy
		}
		if f.commit != "" {
			r.Properties["commit"], r.Properties["lastCommit"] = f.commit, f.last
		}
		if f.path != "" {
			uri := url.URL{Path: filepath.ToSlash(f.path)}
			r.Locations = []sarifLocation{{sarifPhysical{sarifArtifact{uri.String()}, sarifRegion{f.line}}}}
		}
		sum := sha256.Sum256([]byte(f.print + "\x00" + filepath.ToSlash(f.path)))
		r.Fingerprints = map[string]string{"awskey/v1": hex.EncodeToString(sum[:16])}
		run.Results = append(run.Results, r)
	}
	return sarif{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}}
}
