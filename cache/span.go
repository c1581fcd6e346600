package cache

import "slices"

// span is a part of a file: the bytes from one offset up to another.
type span struct{ from, to int64 }

// spans is a set of bytes of a file: sorted, apart from each other, none of
// them empty.
type spans []span

// add returns the set with the bytes of p in it.
func (s spans) add(p span) spans {
	if p.from >= p.to {
		return s
	}
	// Those from i up to j touch p.
	i, _ := slices.BinarySearchFunc(s, p.from, func(q span, from int64) int { return cmp64(q.to, from) })
	j := i
	for j < len(s) && s[j].from <= p.to {
		p.from, p.to = min(p.from, s[j].from), max(p.to, s[j].to)
		j++
	}
	return slices.Replace(s, i, j, p)
}

// cut returns the set without the bytes of p.
func (s spans) cut(p span) spans {
	if p.from >= p.to {
		return s
	}
	var kept spans
	for _, q := range s {
		if q.from < p.from {
			kept = append(kept, span{q.from, min(q.to, p.from)})
		}
		if q.to > p.to {
			kept = append(kept, span{max(q.from, p.to), q.to})
		}
	}
	return kept
}

// missing returns the parts of p that are not in the set.
func (s spans) missing(p span) spans {
	var gaps spans
	for _, q := range s {
		if q.to <= p.from {
			continue
		}
		if q.from >= p.to {
			break
		}
		if q.from > p.from {
			gaps = append(gaps, span{p.from, q.from})
		}
		p.from = q.to
	}
	if p.from < p.to {
		gaps = append(gaps, p)
	}
	return gaps
}

func (s spans) covers(p span) bool { return len(s.missing(p)) == 0 }

func cmp64(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
