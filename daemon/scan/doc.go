// Package scan finds AWS access keys that stand in a text.
package scan
