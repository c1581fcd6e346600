package cache_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
	"time"

	"ftpfs/cache"
	"ftpfs/cache/journal"
	"ftpfs/ftpconn"
	"ftpfs/ftpconn/listing"
)

// crash returns what a staging directory looks like to the next mount after
// the process has been killed: the lock of a session goes with it, and a copy
// has none.
func crash(t *testing.T, dir string) string {
	t.Helper()
	copied := ""
	for tries := 0; ; tries++ {
		copied = path.Join(t.TempDir(), "copy")
		err := os.CopyFS(copied, os.DirFS(dir))
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) || tries > 100 { // a record that is being replaced
			t.Fatal(err)
		}
	}
	if err := os.Chmod(copied, 0o700); err != nil {
		t.Fatal(err)
	}
	return copied
}

func records(t *testing.T, dir string) (n int) {
	t.Helper()
	all, err := journal.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

func (r *remote) beside(t *testing.T, prefix string) (names []string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for name := range r.files {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names
}

// A conflict that is found in the background is over when both are kept: it is
// not tried again, not by the next mount either.
func TestConflictInTheBackgroundEnds(t *testing.T) {
	dir := private(t)
	r, c := writing(t, cache.Config{Session: session(t, dir), WriteBack: true})
	d := edit(t, c, "/old")
	r.mu.Lock()
	r.mtime = r.mtime.Add(time.Hour)
	r.mu.Unlock()
	r.write("/old", []byte("what another wrote"))
	if err := d.Truncate(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if err := d.Write(t.Context(), []byte("mine"), 0, false); err != nil {
		t.Fatal(err)
	}
	if err := d.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := d.Finish(t.Context()); !errors.Is(got, cache.ErrConflict) || d.Clean() {
		t.Errorf("the writer is not told: %v", got)
	}
	d.Close()
	eventually(t, "the record is gone", func() bool { return records(t, dir) == 0 })
	for range 20 {
		c.Hurry()
		time.Sleep(5 * time.Millisecond)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if n := records(t, dir); n != 0 {
		t.Errorf("%d records", n)
	}
	wantContent(t, r, "/old", "what another wrote")
	if got := r.beside(t, "/old.conflict-"); len(got) != 1 {
		t.Errorf("kept: %q", got)
	}
}

// streaming makes a file that is sent while it is written, and waits until the
// server has taken from of it.
func streaming(t *testing.T, r *remote, c *cache.Cache, name string, data []byte) *cache.Draft {
	t.Helper()
	r.mu.Lock()
	r.room = 4
	r.mu.Unlock()
	d, err := c.Create(t.Context(), name, 0o644, true)
	if err != nil {
		t.Fatal(err)
	}
	for off := 0; off < len(data); off += 1 << 20 {
		if err := d.Write(t.Context(), data[off:min(off+1<<20, len(data))], int64(off), false); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "it is sent", func() bool { return d.Sent() >= int64(len(data)) })
	return d
}

// A directory may get another name while a file in it is on its way.
func TestDirectoryOfAStreamIsRenamed(t *testing.T) {
	for _, limit := range []int64{1 << 30, 1 << 20} {
		func() {
			r, c := writing(t, cache.Config{})
			c.SetWholeLimit(limit)
			defer func() { _ = c.Close() }()
			if _, err := c.Mkdir(t.Context(), "/dir", 0o755); err != nil {
				t.Fatal(err)
			}
			data := content(33 << 20)
			d := streaming(t, r, c, "/dir/f", data)
			defer d.Close()
			if err := c.Rename(t.Context(), "/dir", "/moved", false); err != nil {
				t.Fatal(err)
			}
			if err := d.Write(t.Context(), []byte("end"), int64(len(data)), false); err != nil {
				t.Fatal(err)
			}
			if err := d.Finish(t.Context()); err != nil {
				t.Fatal(err)
			}
			wantContent(t, r, "/moved/f", string(data)+"end")
		}()
	}
}

// Nor does it lose its begin when it gets another name itself.
func TestStreamIsRenamed(t *testing.T) {
	r, c := writing(t, cache.Config{})
	c.SetWholeLimit(1 << 20)
	defer func() { _ = c.Close() }()
	data := content(33 << 20)
	d := streaming(t, r, c, "/f", data)
	defer d.Close()
	if err := c.Rename(t.Context(), "/f", "/g", false); err != nil {
		t.Fatal(err)
	}
	if err := d.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantContent(t, r, "/g", string(data))
}

// What was given up of a file that has no name any more can not be read, which
// must be an error and no endless search.
func TestRemovedStreamIsReadFromTheBegin(t *testing.T) {
	r, c := writing(t, cache.Config{})
	c.SetWholeLimit(1 << 20)
	defer func() { _ = c.Close() }()
	d := streaming(t, r, c, "/f", content(33<<20))
	defer d.Close()
	if err := c.Remove(t.Context(), "/f"); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := d.Read(t.Context(), 0, 10)
		ended <- err
	}()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("it was read")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it reads for ever")
	}
}

// What Finish has confirmed is in the journal stays there until it is on the
// server.
func TestWriteBackKeepsAllOfAStream(t *testing.T) {
	dir := private(t)
	r, c := writing(t, cache.Config{Session: session(t, dir), WriteBack: true})
	c.SetWholeLimit(17 << 20)
	data := content(40 << 20)
	gate := make(chan struct{})
	passed := make(chan struct{})
	r.mu.Lock()
	r.room = 4
	r.cutUpload = func(_ string, n int) error {
		switch n {
		case 16 << 20:
			<-gate
		case 39 << 20:
			close(passed)
			<-t.Context().Done()
		}
		return nil
	}
	r.mu.Unlock()
	d, err := c.Create(t.Context(), "/f", 0o644, true)
	if err != nil {
		t.Fatal(err)
	}
	for off := 0; off < len(data); off += 1 << 20 {
		if err := d.Write(t.Context(), data[off:off+1<<20], int64(off), false); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	close(gate)
	<-passed
	staging := crash(t, dir)
	r2 := newRemote()
	r2.mkdir("/")
	next := newCache(t, r2, cache.Config{Session: session(t, staging)})
	if _, err := next.Recover(); err != nil {
		t.Fatal(err)
	}
	if err := next.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, _ := r2.content("/f"); got != string(data) {
		t.Errorf("%d bytes of %d", len(got), len(data))
	}
	d.Close()
}

// A killed mount had moved the old version aside, and not yet put the new one in
// its place.
func TestOldVersionComesBackAfterACrash(t *testing.T) {
	dir := private(t)
	r, c := writing(t, cache.Config{Session: session(t, dir)})
	var staging string
	killed := false
	r.refuse = func(verb, name string) error {
		switch {
		case killed:
			return ftpconn.ErrUnreachable
		case verb == "RNTO" && name == "/old":
			if _, there := r.files["/old"]; there {
				return &ftpconn.Error{Op: "RNTO", Code: 550, Kind: fs.ErrExist}
			}
			killed = true
			staging = crash(t, dir)
			return ftpconn.ErrUnreachable
		}
		return nil
	}
	if err := put(t, c, "/old", "new content"); err == nil {
		t.Fatal("it should have failed")
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	r.refuse = nil
	r.mu.Unlock()
	next := newCache(t, r, cache.Config{Session: session(t, staging)})
	if _, err := next.Recover(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all is in order", func() bool { return len(r.beside(t, "/.ftpfs-")) == 0 })
	wantContent(t, r, "/old", "old content")
}

// A mount that is killed after an append and before it notes that does not
// append again.
func TestAppendIsNotRepeatedAfterACrash(t *testing.T) {
	for _, sent := range []string{"", "ne", "new"} {
		dir := private(t)
		r, c := writing(t, cache.Config{Session: session(t, dir), WriteBack: true})
		down := true
		r.refuse = func(string, string) error {
			if down {
				return ftpconn.ErrUnreachable
			}
			return nil
		}
		d := edit(t, c, "/old")
		if err := d.Write(t.Context(), []byte("new"), 11, true); err != nil {
			t.Fatal(err)
		}
		if err := d.Finish(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := crash(t, dir)
		d.Close()
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		r.mu.Lock()
		r.mtime = r.mtime.Add(time.Hour)
		down = false
		r.mu.Unlock()
		if sent != "" {
			r.write("/old", []byte("old content"+sent))
		}
		next := newCache(t, r, cache.Config{Session: session(t, before)})
		if _, err := next.Recover(); err != nil {
			t.Fatal(err)
		}
		if err := next.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantContent(t, r, "/old", "old contentnew")
	}
}

// Where what is behind the old end is not a part of what was appended, it is
// another's, and ours is not cut by its length.
func TestTornAppendIsCompared(t *testing.T) {
	dir := private(t)
	r, c := writing(t, cache.Config{Session: session(t, dir)})
	broken := true
	r.refuse = func(verb, name string) error {
		if verb == "APPE" && broken {
			broken = false
			r.putLocked("/old", []byte("old contentXX"), r.mtime.Add(time.Hour))
			return ftpconn.ErrShort
		}
		return nil
	}
	d := edit(t, c, "/old")
	if err := d.Write(t.Context(), []byte("appended"), 11, true); err != nil {
		t.Fatal(err)
	}
	err := d.Finish(t.Context())
	d.Close()
	if err := c.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, _ := r.content("/old")
	if !strings.HasSuffix(got, "appended") && (err == nil || records(t, dir) != 1) {
		t.Errorf("%q, %v, %d records", got, err, records(t, dir))
	}
}

// A server that does not append, on a line that breaks again and again: that
// ends with an error.
func TestUploadThatAlwaysBreaksEnds(t *testing.T) {
	r, c := writing(t, cache.Config{})
	tries := 0
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r.refuse = func(verb, _ string) error {
		switch verb {
		case "STOR":
			if tries++; tries > 20 {
				cancel()
			}
		case "APPE":
			return &ftpconn.Error{Op: "APPE", Code: 550, Kind: fs.ErrPermission}
		}
		return nil
	}
	r.cutUpload = func(_ string, n int) error {
		if n >= 3<<20 {
			return ftpconn.ErrShort
		}
		return nil
	}
	d, err := c.Create(t.Context(), "/f", 0o644, true)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Write(ctx, content(4<<20), 0, false); err != nil {
		t.Fatal(err)
	}
	if err := d.Sync(ctx); !errors.Is(err, ftpconn.ErrShort) {
		t.Errorf("after %d tries: %v", tries, err)
	}
}

// An append that broke, to a file that others have begun anew meanwhile, goes
// behind what is there now.
func TestTornAppendToANewFile(t *testing.T) {
	for _, breaks := range []error{ftpconn.ErrShort, nil} {
		testTornAppendToANewFile(t, breaks)
	}
}

func testTornAppendToANewFile(t *testing.T, breaks error) {
	r, c := writing(t, cache.Config{Session: session(t, private(t))})
	broken := 0
	r.refuse = func(verb, _ string) error {
		if verb == "APPE" && broken == 0 {
			broken++
			r.putLocked("/old", []byte("rotated"), r.mtime.Add(time.Hour))
			return breaks
		}
		return nil
	}
	d := edit(t, c, "/old")
	if err := d.Write(t.Context(), []byte("appended"), 11, true); err != nil {
		t.Fatal(err)
	}
	if err := d.Finish(t.Context()); err != nil {
		t.Error(err)
	}
	d.Close()
	wantContent(t, r, "/old", "rotatedappended")
}

// A file that was removed does not come back after a crash, not even while
// somebody has it open.
func TestRemovedFileDoesNotComeBack(t *testing.T) {
	for _, by := range []string{"remove", "rename"} {
		dir := private(t)
		r, c := writing(t, cache.Config{Session: session(t, dir), WriteBack: true})
		r.write("/other", []byte("other"))
		r.refuse = func(verb, _ string) error {
			if verb == "STOR" {
				return ftpconn.ErrUnreachable
			}
			return nil
		}
		d, err := c.Create(t.Context(), "/new", 0o644, true)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Write(t.Context(), []byte("text"), 0, false); err != nil {
			t.Fatal(err)
		}
		if err := d.Finish(t.Context()); err != nil {
			t.Fatal(err)
		}
		if by == "remove" {
			err = c.Remove(t.Context(), "/new")
		} else {
			c.Forget("/other")
			err = c.Rename(t.Context(), "/other", "/new", false)
		}
		if err != nil {
			t.Fatal(err)
		}
		if n := records(t, dir); n != 0 {
			t.Errorf("%s: %d records", by, n)
		}
		d.Close()
	}
}

// A part of ours is told from what another has put there.
func TestForeignFileIsNotTakenForAHalf(t *testing.T) {
	dir := private(t)
	r, c := writing(t, cache.Config{Session: session(t, dir), WriteBack: true})
	r.refuse = func(string, string) error { return ftpconn.ErrUnreachable }
	if err := put(t, c, "/new", "my text"); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	r.refuse = nil
	r.mu.Unlock()
	r.write("/new", []byte("other"))
	next := newCache(t, r, cache.Config{Session: session(t, crash(t, dir))})
	if _, err := next.Recover(); err != nil {
		t.Fatal(err)
	}
	if err := next.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantContent(t, r, "/new", "other")
	if got := r.beside(t, "/new.conflict-"); len(got) != 1 {
		t.Errorf("kept: %q", got)
	}
}

// Modes and times that are set after write-back has confirmed a file are safe
// as well.
func TestModeAfterWriteBackIsRecorded(t *testing.T) {
	dir := private(t)
	r, c := writing(t, cache.Config{Session: session(t, dir), WriteBack: true})
	r.refuse = func(string, string) error { return ftpconn.ErrUnreachable }
	if err := put(t, c, "/new", "text"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it has been tried", func() bool {
		all, err := journal.List(dir)
		return err == nil && len(all) == 1 && all[0].Error != ""
	})
	when := time.Unix(1.1e9, 0)
	if err := c.SetTime(t.Context(), "/new", when); err != nil {
		t.Fatal(err)
	}
	if err := c.SetMode(t.Context(), "/new", 0o600); err != nil {
		t.Fatal(err)
	}
	s := session(t, crash(t, dir))
	items, err := s.Recover()
	if err != nil || len(items) != 1 {
		t.Fatal(items, err)
	}
	if rec, _ := items[0].Record(); !rec.Time.Equal(when) || !rec.HasMode || rec.Mode != 0o600 {
		t.Errorf("%+v", rec)
	}
}

// An entry that was looked up while a file waited to be sent is not taken for
// what the server has.
func TestOpenAfterASendWithAnOldEntry(t *testing.T) {
	r, c := writing(t, cache.Config{Session: session(t, private(t)), WriteBack: true})
	gate := make(chan struct{})
	r.mu.Lock()
	r.cutUpload = func(string, int) error { <-gate; return nil }
	r.mu.Unlock()
	d := edit(t, c, "/old")
	if err := d.Write(t.Context(), []byte("first"), 0, false); err != nil {
		t.Fatal(err)
	}
	before := d.Entry()
	before.ModTime = before.ModTime.Add(-time.Hour)
	if err := d.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.Close()
	close(gate)
	if err := c.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the draft has ended", func() bool {
		o := c.Opened("/old")
		if o != nil {
			o.Close()
		}
		return o == nil
	})
	d, err := c.Edit(t.Context(), "/old", before, false)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Write(t.Context(), []byte("second"), 0, false); err != nil {
		t.Fatal(err)
	}
	if err := d.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A time that the server could not be told is not taken for a change by others.
func TestEditOfAFileWithAKeptTime(t *testing.T) {
	r, c := writing(t, cache.Config{})
	r.refuse = func(verb, _ string) error {
		if verb == "MFMT" {
			return ftpconn.ErrNotSupported
		}
		return nil
	}
	if err := c.SetTime(t.Context(), "/old", time.Unix(1.2e9, 0)); err != nil {
		t.Fatal(err)
	}
	d := edit(t, c, "/old")
	defer d.Close()
	if err := d.Write(t.Context(), []byte("NEW"), 0, false); err != nil {
		t.Fatal(err)
	}
	if err := d.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantContent(t, r, "/old", "NEW content")
}

// Nor when it is read.
func TestReadOfAFileWithAKeptTime(t *testing.T) {
	var now clock
	r, c := writing(t, cache.Config{Now: now.now})
	r.refuse = func(verb, _ string) error {
		if verb == "MFMT" {
			return ftpconn.ErrNotSupported
		}
		return nil
	}
	if err := c.SetTime(t.Context(), "/old", time.Unix(1.2e9, 0)); err != nil {
		t.Fatal(err)
	}
	f := open(t, c, "/old")
	now.add(time.Hour)
	if got, err := readAll(f); err != nil || string(got) != "old content" {
		t.Errorf("%q, %v", got, err)
	}
}

// A stream of which the begin is on the server only survives a line that is
// down for a while.
func TestSpentStreamSurvivesAnOutage(t *testing.T) {
	r, c := writing(t, cache.Config{})
	c.SetWholeLimit(1 << 20)
	defer func() { _ = c.Close() }()
	data := content(33 << 20)
	d := streaming(t, r, c, "/f", data)
	down := true
	r.mu.Lock()
	r.cutUpload = func(string, int) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if down {
			return ftpconn.ErrUnreachable
		}
		return nil
	}
	r.refuse = func(verb, name string) error {
		if down {
			return ftpconn.ErrUnreachable
		}
		return nil
	}
	r.mu.Unlock()
	if err := d.Write(t.Context(), []byte("end"), int64(len(data)), false); err != nil {
		t.Fatal(err)
	}
	if err := d.Finish(t.Context()); err == nil {
		t.Fatal("no error")
	}
	r.mu.Lock()
	down = false
	r.mu.Unlock()
	d.Close()
	eventually(t, "it is sent", func() bool { c.Hurry(); return len(c.Pending()) == 0 })
	if got, _ := r.content("/f"); !bytes.Equal([]byte(got), append(data, "end"...)) {
		t.Errorf("%d bytes", len(got))
	}
}

// Nor is it lost when its last step fails for a while.
func TestSpentStreamSurvivesAFailedRename(t *testing.T) {
	r, c := writing(t, cache.Config{})
	c.SetWholeLimit(1 << 20)
	defer func() { _ = c.Close() }()
	data := content(33 << 20)
	d := streaming(t, r, c, "/f", data)
	broken := 0
	r.mu.Lock()
	r.refuse = func(verb, _ string) error {
		if verb == "RNTO" && broken == 0 {
			broken++
			return ftpconn.ErrUnreachable
		}
		return nil
	}
	r.mu.Unlock()
	if err := d.Finish(t.Context()); !errors.Is(err, ftpconn.ErrUnreachable) {
		t.Errorf("error: %v", err)
	}
	if err := d.Finish(t.Context()); err != nil {
		t.Error(err)
	}
	d.Close()
	wantContent(t, r, "/f", string(data))
}

// The mode that a file was made with is not lost when the server copies the
// content.
func TestServerSideCopyHasItsMode(t *testing.T) {
	r, c := writing(t, cache.Config{})
	d, err := c.Create(t.Context(), "/new", 0o755, true)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.CopyFrom(t.Context(), "/old", 11); err != nil {
		t.Fatal(err)
	}
	wantOps(t, r, "COPY /old", "RNTO /new", "CHMOD /new")
	wantContent(t, r, "/new", "old content")
}

// A listing that was made before a temporary name got its own does not show it.
func TestListingDoesNotShowTemporaryNames(t *testing.T) {
	var now clock
	r, c := writing(t, cache.Config{Now: now.now})
	now.add(time.Hour)
	r.mu.Lock()
	r.gate = make(chan struct{})
	r.refuse = func(verb, _ string) error {
		if verb != "RNTO" {
			return nil
		}
		// The server makes the listing now, and it arrives later.
		l := *r.dirs["/"]
		r.late = &l
		return nil
	}
	r.mu.Unlock()
	listed := make(chan *cache.Dir)
	go func() {
		dir, err := c.Dir(t.Context(), "/")
		if err != nil {
			t.Error(err)
		}
		listed <- dir
	}()
	eventually(t, "it is asked for", func() bool { return r.count("/") == 2 })
	d, err := c.Edit(t.Context(), "/old", ftpconn.Entry{Name: "old", Type: listing.File, Size: 11, ModTime: r.mtime, ModPrec: listing.Second}, true)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Write(t.Context(), []byte("new"), 0, false); err != nil {
		t.Fatal(err)
	}
	if err := d.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	close(r.gate)
	dir := <-listed
	for i := range dir.Len() {
		if name := dir.At(i).Name; name != "old" {
			t.Errorf("it shows %q", name)
		}
	}
}
