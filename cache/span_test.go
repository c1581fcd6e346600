package cache

import (
	"testing"

	"pgregory.net/rapid"
)

func TestSpansAreABitmap(t *testing.T) {
	const size = 48
	rapid.Check(t, func(t *rapid.T) {
		var set spans
		var bits [size]bool
		part := func() span {
			from := rapid.Int64Range(0, size).Draw(t, "from")
			return span{from, rapid.Int64Range(0, size).Draw(t, "to")} // some are empty
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(*rapid.T) {
				p := part()
				set = set.add(p)
				for i := p.from; i < p.to; i++ {
					bits[i] = true
				}
			},
			"cut": func(*rapid.T) {
				p := part()
				if p.from > p.to {
					p.from, p.to = p.to, p.from
				}
				set = set.cut(p)
				for i := p.from; i < p.to; i++ {
					bits[i] = false
				}
			},
			"missing": func(t *rapid.T) {
				p := part()
				var missing [size]bool
				for _, g := range set.missing(p) {
					if g.from >= g.to || g.from < p.from || g.to > p.to {
						t.Fatalf("%v: missing of %v: %v", set, p, g)
					}
					for i := g.from; i < g.to; i++ {
						missing[i] = true
					}
				}
				all := true
				for i := p.from; i < p.to; i++ {
					all = all && bits[i]
					if missing[i] == bits[i] {
						t.Fatalf("%v: missing of %v: byte %d is wrong", set, p, i)
					}
				}
				if set.covers(p) != all {
					t.Fatalf("%v: covers %v: %v", set, p, !all)
				}
			},
			"": func(t *rapid.T) {
				for i, p := range set {
					if p.from >= p.to || i > 0 && set[i-1].to >= p.from {
						t.Fatalf("not in order: %v", set)
					}
				}
				for i, bit := range bits {
					if here := set.covers(span{int64(i), int64(i) + 1}); here != bit {
						t.Fatalf("%v: byte %d is there: %v", set, i, here)
					}
				}
			},
		})
	})
}
