package e2e

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
)

// outcomes counts how the cases of the matrix ended.
type outcomes struct {
	mu    sync.Mutex
	cells map[string]map[outcome]int // by fault + "|" + operation
	runs  int
}

func newOutcomes() *outcomes { return &outcomes{cells: make(map[string]map[outcome]int)} }

func (o *outcomes) add(fault, op string, got outcome) {
	o.mu.Lock()
	defer o.mu.Unlock()
	cell := o.cells[fault+"|"+op]
	if cell == nil {
		cell = make(map[outcome]int)
		o.cells[fault+"|"+op] = cell
	}
	cell[got]++
	o.runs++
}

// write puts the table between the markers of a document.
func (o *outcomes) write(t *testing.T, file string) {
	var b strings.Builder
	b.WriteString("| fault |")
	for _, op := range operations {
		b.WriteString(" " + op.name + " |")
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(operations)) + "\n")
	for _, f := range faults {
		b.WriteString("| " + f.name + " |")
		for _, op := range operations {
			var parts []string
			cell := o.cells[f.name+"|"+op.name]
			for _, what := range []outcome{right, failed, untouched} {
				if n := cell[what]; n > 0 {
					parts = append(parts, fmt.Sprintf("%d %s", n, what))
				}
			}
			b.WriteString(" " + strings.Join(parts, ", ") + " |")
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "\n%d runs; none showed wrong bytes, a wrong or an empty directory, or hung.\n", o.runs)
	replaceBetween(t, file, "<!-- begin faults -->\n", "<!-- end faults -->\n", b.String())
}

// replaceBetween replaces what stands between two markers.
func replaceBetween(t *testing.T, file, begin, end, text string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no markers", file)
	}
	if err := os.WriteFile(file, []byte(before+begin+text+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
