//go:build linux

package main

import (
	"fmt"
	"math"
	"strings"
)

// draw plots the sizes, both axes by tens: each line is one cost over its own at the
// fewest keys that tell it, so that a flat line is a flat cost.
func draw(sizes []size) string {
	const width, height, margin = 640, 360, 50
	lines := []struct {
		name, colour string
		of           func(size) float64
	}{
		{"an answer from memory", "#1b6ca8", func(s size) float64 { return s.answer }},
		{"an answer over the socket", "#555555", func(s size) float64 { return s.socket }},
		{"memory a key", "#3a7d44", func(s size) float64 {
			if s.keys < 100 {
				return 0 // it tells nothing
			}
			return s.memory
		}},
		{"a key that comes due", "#b5651d", func(s size) float64 { return s.tick }},
		{"status", "#8e3b8e", func(s size) float64 { return s.status }},
	}
	x := func(keys int) float64 { return margin + math.Log10(float64(keys))/4*(width-2*margin) }
	y := func(v float64) float64 {
		return height - margin - (math.Log10(max(v, 1e-2))+2)/6*(height-2*margin)
	}
	var out strings.Builder
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12"><rect width="100%%" height="100%%" fill="white"/>`+"\n", width, height)
	fmt.Fprintf(&out, `<text x="%d" y="20">Cost by number of keys, over that at the fewest (make bench)</text>`+"\n", margin)
	for _, s := range sizes {
		fmt.Fprintf(&out, `<line x1="%[1]g" y1="%[2]d" x2="%[1]g" y2="%[3]d" stroke="#ddd"/><text x="%[1]g" y="%[4]d" text-anchor="middle">%[5]d</text>`+"\n", x(s.keys), margin, height-margin, height-margin+18, s.keys)
	}
	for v := 0.01; v < 20000; v *= 10 {
		fmt.Fprintf(&out, `<line x1="%d" y1="%[3]g" x2="%[2]d" y2="%[3]g" stroke="#ddd"/><text x="%[4]d" y="%[5]g" text-anchor="end">%[6]g</text>`+"\n", margin, width-margin, y(v), margin-6, y(v)+4, v)
	}
	for i, line := range lines {
		var points []string
		var first float64
		for _, s := range sizes {
			if cost := line.of(s); cost > 0 {
				if first == 0 {
					first = cost
				}
				points = append(points, fmt.Sprintf("%.1f,%.1f", x(s.keys), y(cost/first)))
			}
		}
		fmt.Fprintf(&out, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/><text x="%d" y="%d" fill="%[2]s">%[5]s</text>`+"\n", strings.Join(points, " "), line.colour, margin+10, margin+16+16*i, line.name)
	}
	return out.String() + "</svg>\n"
}
