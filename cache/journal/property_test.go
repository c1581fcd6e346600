package journal

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func anyBytes(max int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string { return string(rapid.SliceOfN(rapid.Byte(), 0, max).Draw(t, "bytes")) })
}

func anyTime(t *rapid.T, label string) time.Time {
	if rapid.Bool().Draw(t, label+" zero") {
		return time.Time{}
	}
	return time.Unix(rapid.Int64Range(-1<<40, 1<<40).Draw(t, label), rapid.Int64Range(0, 1e9-1).Draw(t, label+" ns")).UTC()
}

func anyRecord(t *rapid.T) Record {
	r := Record{
		Path: "/" + anyBytes(20).Draw(t, "path"), Size: rapid.Int64Min(0).Draw(t, "size"), Append: rapid.Bool().Draw(t, "append"),
		From: rapid.Int64Min(0).Draw(t, "from"), Time: anyTime(t, "time"), Mode: rapid.Uint32().Draw(t, "mode"),
		HasMode: rapid.Bool().Draw(t, "has mode"), Saved: anyTime(t, "saved"), Tries: rapid.Int().Draw(t, "tries"),
		Error: anyBytes(20).Draw(t, "error"), InPlace: rapid.Bool().Draw(t, "in place"), Whole: rapid.Bool().Draw(t, "whole"),
	}
	if rapid.Bool().Draw(t, "base") {
		r.Base = &Version{rapid.Int64().Draw(t, "base size"), anyTime(t, "base time"), rapid.Int().Draw(t, "prec"), anyBytes(9).Draw(t, "unique")}
	}
	return r
}

// A record is read as it was written, and one that was changed in any byte or
// cut anywhere is read as it was written or not at all.
func TestRecordsAreExactOrDamaged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anyRecord(t)
		var mark *lostMark
		if rapid.Bool().Draw(t, "lost") {
			mark = &lostMark{"name", anyText(anyBytes(9).Draw(t, "reason")), instant{1, 2}}
		}
		data, err := encodeRecord(want, mark)
		if err != nil {
			t.Fatal(err)
		}
		got, gotMark, err := decodeRecord(data)
		if d := cmp.Diff(want, got) + cmp.Diff(mark, gotMark); d != "" || err != nil {
			t.Fatal(d, err)
		}
		at := rapid.IntRange(0, len(data)-1).Draw(t, "at")
		if rapid.Bool().Draw(t, "cut") {
			data = data[:at]
		} else {
			data[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "flip"))
		}
		if got, _, err := decodeRecord(data); err == nil && !cmp.Equal(got, want) {
			t.Fatalf("damaged, and taken: %s", cmp.Diff(want, got))
		}
	})
}

// Whatever was done, a kill at that moment keeps what is saved and no more, and
// loses nothing that it does not tell of.
func TestAnyHistorySurvivesKills(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "history")
		if err != nil {
			rt.Fatal(err)
		}
		s := begin(t, dir)
		var unsaved []*Item
		saved := map[string]*Item{} // by path
		content := map[string]string{}
		lost := map[string]int{}
		path := func(rt *rapid.T) string { return "/" + anyBytes(3).Draw(rt, "path") }
		anySaved := func(rt *rapid.T) string {
			if len(saved) == 0 {
				rt.Skip("nothing is saved")
			}
			return rapid.SampledFrom(slices.Sorted(maps.Keys(saved))).Draw(rt, "of")
		}
		check := func(rt *rapid.T, err error) {
			if err != nil {
				rt.Fatal(err)
			}
		}
		die := func(rt *rapid.T) {
			for _, i := range unsaved {
				_ = i.File().Close()
			}
			for _, i := range saved {
				_ = i.File().Close()
			}
			next := killed(t, dir)
			check(rt, s.Close())
			check(rt, os.RemoveAll(dir))
			dir, s, unsaved = next, begin(t, next), nil
			items, err := s.Recover()
			check(rt, err)
			if d := cmp.Diff(content, contents(t, items)); d != "" {
				rt.Fatal(d)
			}
			for _, i := range items {
				r, _ := i.Record()
				saved[r.Path] = i
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"create": func(rt *rapid.T) {
				i, err := s.Create()
				check(rt, err)
				unsaved = append(unsaved, i)
			},
			"save": func(rt *rapid.T) {
				p := path(rt)
				if len(unsaved) == 0 || saved[p] != nil {
					rt.Skip("nothing to save")
				}
				i := unsaved[0]
				unsaved = unsaved[1:]
				content[p] = anyBytes(10).Draw(rt, "content")
				_, err := i.File().WriteAt([]byte(content[p]), 0)
				check(rt, err)
				check(rt, i.Save(Record{Path: p, Size: int64(len(content[p]))}))
				saved[p] = i
			},
			"save again": func(rt *rapid.T) {
				p := anySaved(rt)
				content[p] += "more"
				_, err := saved[p].File().WriteAt([]byte(content[p]), 0)
				check(rt, err)
				r, _ := saved[p].Record()
				r.Size = int64(len(content[p]))
				check(rt, saved[p].Save(r))
			},
			"move": func(rt *rapid.T) {
				from, to := anySaved(rt), path(rt)
				if saved[to] != nil {
					rt.Skip("it is taken")
				}
				r, _ := saved[from].Record()
				r.Path = to
				check(rt, saved[from].Note(r))
				saved[to], content[to] = saved[from], content[from]
				delete(saved, from)
				delete(content, from)
			},
			"drop": func(rt *rapid.T) {
				p := anySaved(rt)
				check(rt, saved[p].Drop())
				delete(saved, p)
				delete(content, p)
			},
			"lose": func(rt *rapid.T) {
				p := anySaved(rt)
				check(rt, saved[p].Lose("test"))
				lost[p]++
				delete(saved, p)
				delete(content, p)
			},
			"die": die,
			"": func(rt *rapid.T) {
				all, err := List(dir)
				check(rt, err)
				got, gotLost := map[string]string{}, map[string]int{}
				for _, p := range all {
					data, err := os.ReadFile(p.File)
					check(rt, err)
					if p.Lost {
						gotLost[p.Path]++
					} else {
						got[p.Path] = string(data)
					}
				}
				if d := cmp.Diff(content, got) + cmp.Diff(lost, gotLost); d != "" {
					rt.Fatal(d)
				}
			},
		})
		die(rt)
		for _, i := range saved {
			check(rt, i.Drop())
		}
		check(rt, s.Close())
		if left, _ := filepath.Glob(filepath.Join(dir, "*", sessionPrefix+"*")); len(left) > 0 {
			rt.Fatalf("left: %q", left)
		}
	})
}
