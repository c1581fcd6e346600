package cache_test

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"ftpfs/cache"
	"ftpfs/cache/journal"
	"ftpfs/ftpconn"

	"github.com/google/go-cmp/cmp"
)

func refusal(verb string, kind error) error {
	return &ftpconn.Error{Op: verb, Code: 550, Msg: "no", Kind: kind}
}

// keepsFiles makes a server refuse to rename anything over what exists.
func (r *remote) keepsFiles() {
	r.refuseTo = func(_, to string) error {
		if _, ok := r.entryLocked(to); ok {
			return refusal("RNTO", fs.ErrExist)
		}
		return nil
	}
}

// wantSent is wantOps without the removal of temporary names, which goes on in
// the background.
func wantSent(t *testing.T, r *remote, want ...string) {
	t.Helper()
	ops := slices.DeleteFunc(r.took(), func(op string) bool { return strings.HasPrefix(op, "DELE ") && strings.HasSuffix(op, "/TEMP") })
	if diff := cmp.Diff(want, ops); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
}

// names are those of a directory of the server.
func (r *remote) names(dir string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, e := range r.dirs[dir].Entries {
		all = append(all, e.Name)
	}
	slices.Sort(all)
	return all
}

func wantNames(t *testing.T, r *remote, dir string, want ...string) {
	t.Helper()
	eventually(t, "only the right names are left", func() bool { return slices.Equal(r.names(dir), want) })
}

func TestRenameOverAFileIsRefused(t *testing.T) {
	r, c := writing(t, cache.Config{})
	r.keepsFiles()
	if err := put(t, c, "/old", "second"); err != nil {
		t.Fatal(err)
	}
	wantSent(t, r, "STOR /TEMP", "RNTO /old", "RNTO /TEMP", "RNTO /old")
	wantContent(t, r, "/old", "second")
	wantNames(t, r, "/", "old")

	if err := put(t, c, "/old", "third"); err != nil {
		t.Fatal(err)
	}
	wantSent(t, r, "STOR /TEMP", "RNTO /TEMP", "RNTO /old") // it has learned
	wantContent(t, r, "/old", "third")

	if err := put(t, c, "/new", "other"); err != nil {
		t.Fatal(err)
	}
	if err := c.Rename(t.Context(), "/new", "/old", false); err != nil {
		t.Fatal(err)
	}
	wantSent(t, r, "STOR /new", "RNTO /TEMP", "RNTO /old")
	wantContent(t, r, "/old", "other")
	wantNames(t, r, "/", "old")
	d, err := c.Dir(t.Context(), "/")
	if err != nil || d.Len() != 1 || d.At(0).Name != "old" {
		t.Errorf("%d names, %v", d.Len(), err)
	}
}

// If the new file can not take the place either, the old one gets it back.
func TestWhatWasMovedAsideComesBack(t *testing.T) {
	r, c := writing(t, cache.Config{})
	r.refuseTo = func(from, to string) error {
		if to != "/old" {
			return nil
		}
		if _, ok := r.entryLocked(to); ok {
			return refusal("RNTO", fs.ErrExist)
		}
		if r.files[from][0] == 'n' {
			return refusal("RNTO", fs.ErrPermission)
		}
		return nil
	}
	for range 2 {
		if err := put(t, c, "/old", "new content"); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("error: %v", err)
		}
		wantSent(t, r, "STOR /TEMP", "RNTO /old", "RNTO /TEMP", "RNTO /old", "RNTO /old")
		wantContent(t, r, "/old", "old content")
		wantNames(t, r, "/", "old")
	}
}

// Where it can not get it back, it is at least seen.
func TestWhatStaysAsideIsSeen(t *testing.T) {
	r, c := writing(t, cache.Config{})
	r.refuseTo = func(from, to string) error {
		if to == "/old" {
			return refusal("RNTO", fs.ErrExist)
		}
		return nil
	}
	if err := put(t, c, "/old", "new content"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("error: %v", err)
	}
	eventually(t, "the upload is removed", func() bool { return len(r.names("/")) == 1 })
	name := r.names("/")[0]
	wantContent(t, r, "/"+name, "old content")
	d, err := c.Dir(t.Context(), "/")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := d.Lookup(name); !ok {
		t.Error("the old content is hidden")
	}
}

func TestRenameOverADirectoryIsRefused(t *testing.T) {
	r, c := writing(t, cache.Config{})
	r.mkdir("/a")
	r.mkdir("/b")
	r.mkdir("/c")
	r.write("/a/f", []byte("x"))
	c.Forget("/old")
	r.keepsFiles()
	if err := c.Rename(t.Context(), "/a", "/b", false); err != nil {
		t.Fatal(err)
	}
	wantOps(t, r, "RNTO /b", "RMD /b", "RNTO /b")
	wantContent(t, r, "/b/f", "x")
	if e, err := c.Lookup(t.Context(), "/b", "f"); err != nil || e.Size != 1 {
		t.Errorf("%+v, %v", e, err)
	}
	wantNames(t, r, "/", "b", "c", "old")

	// If that is refused too, there is an empty directory again.
	r.refuseTo = func(string, string) error { return refusal("RNTO", fs.ErrPermission) }
	if err := c.Rename(t.Context(), "/b", "/c", false); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("error: %v", err)
	}
	wantOps(t, r, "RNTO /c", "RMD /c", "RNTO /c", "MKD /c")
	wantNames(t, r, "/", "b", "c", "old")

	// What is not empty stays as it is, also if the cache does not know.
	r.write("/c/g", []byte("y"))
	if err := c.Rename(t.Context(), "/b", "/c", false); err == nil {
		t.Error("a directory was replaced that is not empty")
	}
	wantContent(t, r, "/c/g", "y")
}

// noTemps makes a server refuse temporary names in a directory.
func (r *remote) noTemps(dir string) {
	r.refuse = func(verb, name string) error {
		if verb == "STOR" && name == dir+"TEMP" {
			return refusal("STOR", fs.ErrPermission)
		}
		return nil
	}
}

func TestDirectoryWithoutTemporaryNames(t *testing.T) {
	dir := private(t)
	r, c := writing(t, cache.Config{Session: session(t, dir)})
	r.mkdir("/d")
	r.write("/d/f", []byte("old"))
	r.noTemps("/")
	refuses := r.refuse
	recorded := 0
	r.refuse = func(verb, name string) error {
		if verb == "STOR" && name == "/old" {
			// What is overwritten from now on is safe on this machine.
			all, err := journal.List(dir)
			if err == nil && len(all) == 1 && all[0].Path == "/old" && all[0].Size == int64(len("new content")) {
				recorded++
			}
		}
		return refuses(verb, name)
	}
	c.Forget("/old")
	for i, want := range [][]string{{"STOR /TEMP", "STOR /old"}, {"STOR /old"}} { // learned
		if err := put(t, c, "/old", "new content"); err != nil {
			t.Fatal(err)
		}
		wantSent(t, r, want...)
		wantContent(t, r, "/old", "new content")
		if recorded != i+1 {
			t.Errorf("it was in the journal %d times", recorded)
		}
	}
	// Other directories may take them.
	if err := put(t, c, "/d/f", "new"); err != nil {
		t.Fatal(err)
	}
	wantSent(t, r, "STOR /d/TEMP", "RNTO /d/f")
	if all, err := journal.List(dir); err != nil || len(all) != 0 {
		t.Errorf("left in the journal: %v, %v", all, err)
	}
}

// An upload that broke in place is no change of somebody else.
func TestBrokenUploadInPlaceIsTriedAgain(t *testing.T) {
	const text = "content that is longer than the old one"
	for _, name := range []string{"/old", "/new"} {
		for _, arrived := range []int{0, 3, len(text)} {
			r, c := writing(t, cache.Config{InPlace: true, Session: session(t, private(t))})
			down := true
			r.cutCommit = func(string, int) (int, error) {
				if down {
					return arrived, ftpconn.ErrShort
				}
				return 0, nil
			}
			if err := put(t, c, name, text); !errors.Is(err, ftpconn.ErrShort) {
				t.Errorf("error: %v", err)
			}
			if diff := cmp.Diff([]string{name}, c.Pending()); diff != "" {
				t.Error(diff)
			}
			r.mu.Lock()
			down = false
			r.mu.Unlock()
			flush(t, c)
			wantContent(t, r, name, text)
			for _, n := range r.names("/") {
				if n != "old" && n != "new" {
					t.Errorf("%s, %d bytes arrived: %q is there", name, arrived, n)
				}
			}
		}
	}
}

// The next mount knows too that what is there is half of its own.
func TestBrokenUploadInPlaceAndNextMount(t *testing.T) {
	dir := private(t)
	r, c := writing(t, cache.Config{InPlace: true, Session: session(t, dir)})
	r.cutCommit = func(string, int) (int, error) { return 3, ftpconn.ErrShort }
	if err := put(t, c, "/old", "new content"); !errors.Is(err, ftpconn.ErrShort) {
		t.Errorf("error: %v", err)
	}
	wantContent(t, r, "/old", "new")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	r.cutCommit = nil
	r.mu.Unlock()
	next := after(t, r, dir, 1)
	flush(t, next)
	wantContent(t, r, "/old", "new content")
	wantNames(t, r, "/", "old")
}

// A rename of which it is not known whether it was done is done again, also
// where the server does not rename over what is there by then.
func TestRenameInDoubt(t *testing.T) {
	text := string(content(100 << 10))
	for _, name := range []string{"/old", "/new"} {
		for _, keeps := range []bool{false, true} {
			dir := private(t)
			r, c := writing(t, cache.Config{Session: session(t, dir)})
			if keeps {
				r.keepsFiles()
			}
			doubt := true
			r.doubtTo = func(_, to string) error {
				if to == name && doubt {
					doubt = false
					return ftpconn.ErrInDoubt
				}
				return nil
			}
			if err := put(t, c, name, text); !errors.Is(err, ftpconn.ErrInDoubt) {
				t.Errorf("%s: error: %v", name, err)
			}
			flush(t, c)
			wantContent(t, r, name, text)
			if err := c.Close(); err != nil { // what is under way ends
				t.Fatal(err)
			}
			if saved, lost := recorded(t, dir); len(saved)+len(lost) != 0 {
				t.Errorf("%s: saved %q, lost %q", name, saved, lost)
			}
			for _, n := range r.names("/") {
				if strings.Contains(n, "conflict") {
					t.Errorf("%s: a conflict with itself: %q", name, n)
				}
			}
		}
	}
}
