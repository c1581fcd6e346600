package journal

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

const origin = "ftp://joe@host:21//pub"

// otherProcess makes the test's program one that saves an item and then waits
// to be killed.
const otherProcess = "JOURNAL_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(otherProcess); dir != "" {
		if err := other(dir, os.Getenv(otherProcess+"_STORM") != ""); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func other(dir string, storm bool) error {
	st, err := Open(dir)
	if err != nil {
		return err
	}
	s, err := st.Begin(origin)
	if err != nil {
		return err
	}
	if !storm {
		i, err := s.Create()
		if err != nil {
			return err
		}
		_, _ = i.File().WriteString("theirs")
		if err := i.Save(Record{Path: "/theirs", Size: 6}); err != nil {
			return err
		}
		fmt.Println("saved")
		_, err = io.Copy(io.Discard, os.Stdin)
		return err
	}
	// A promise is told after it was made, its end before.
	for n := 0; ; n++ {
		path := fmt.Sprintf("/%d", n)
		i, err := s.Create()
		if err != nil {
			return err
		}
		_, _ = i.File().WriteString(path)
		r := Record{Path: path, Size: int64(len(path))}
		if err = i.Save(r); err == nil {
			fmt.Println("saved", path)
			r.Tries++
			err = i.Note(r)
		}
		if err == nil && n%4 != 0 {
			fmt.Println("ended", path)
			if n%4 == 1 {
				err = i.Drop()
			} else {
				err = i.Lose("storm")
			}
		}
		if err != nil {
			return err
		}
	}
}

func begin(t testing.TB, dir string) *Session {
	t.Helper()
	st, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := st.Begin(origin)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func save(t testing.TB, s *Session, path, content string) *Item {
	t.Helper()
	i, err := s.Create()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.File().WriteString(content); err != nil {
		t.Fatal(err)
	}
	if err := i.Save(Record{Path: path, Size: int64(len(content)), Whole: true}); err != nil {
		t.Fatal(err)
	}
	return i
}

// killed is the directory as a kill -9 at this moment would leave it.
func killed(t testing.TB, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(to, 0o700); err != nil {
		t.Fatal(err)
	}
	return to
}

func contents(t testing.TB, items []*Item) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, i := range items {
		r, ok := i.Record()
		if !ok {
			t.Errorf("%s has no record", i.ID())
		}
		all[r.Path] = contentOf(t, i)
	}
	return all
}

func contentOf(t testing.TB, i *Item) string {
	t.Helper()
	data, err := io.ReadAll(io.NewSectionReader(i.File(), 0, 1<<40))
	if err != nil {
		t.Error(err)
	}
	return string(data)
}

func recoverAll(t testing.TB, s *Session) []*Item {
	t.Helper()
	items, err := s.Recover()
	if err != nil {
		t.Fatal(err)
	}
	return items
}

func list(t testing.TB, dir string) []Pending {
	t.Helper()
	all, err := List(dir)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// sessions are the directories of sessions that are there.
func sessions(t testing.TB, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*", sessionPrefix+"*"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func closeAll(t testing.TB, s *Session, items ...*Item) {
	t.Helper()
	for _, i := range items {
		_ = i.File().Close()
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// What was saved is there for the next session, what was not is gone, and the
// dead session with it.
func TestSavedItemsSurvive(t *testing.T) {
	dir := t.TempDir()
	s := begin(t, dir)
	want := Record{
		Path: "/dir/a\xff\n\"b", Size: 5, Append: true, From: 2, Time: time.Unix(1<<40, 5).UTC(), Mode: 0o640, HasMode: true,
		Base:  &Version{Size: 7, ModTime: time.Unix(99, 1).UTC(), ModPrec: 3, Unique: "\x80u"},
		Saved: time.Unix(100, 0).UTC(), Tries: 3, Error: "said \xfe", InPlace: true, Whole: true,
	}
	first := save(t, s, "/second", "22")
	i, err := s.Create()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = i.File().WriteString("hello")
	if err := i.Save(want); err != nil {
		t.Fatal(err)
	}
	unsaved, err := s.Create()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = unsaved.File().WriteString("nobody wants this")

	after := killed(t, dir)
	next := begin(t, after)
	items := recoverAll(t, next)
	if len(items) != 2 {
		t.Fatalf("%d items", len(items))
	}
	if got, _ := items[0].Record(); !cmp.Equal(got, want) || contentOf(t, items[0]) != "hello" {
		t.Errorf("%s", cmp.Diff(want, got))
	}
	if r, _ := items[1].Record(); r.Path != "/second" || r.Saved.IsZero() {
		t.Errorf("%+v", r)
	}
	if all, _ := filepath.Glob(filepath.Join(after, "*", "*", "*"+dataSuffix)); len(all) != 2 {
		t.Errorf("data: %q", all)
	}
	for _, i := range items {
		if err := i.Drop(); err != nil {
			t.Error(err)
		}
		if err := i.Drop(); err != nil {
			t.Errorf("twice: %v", err)
		}
		if err := i.Save(want); err == nil {
			t.Error("a dropped item was saved")
		}
	}
	closeAll(t, next)
	if left := sessions(t, after); len(left) > 0 || len(list(t, after)) > 0 {
		t.Errorf("left: %q", left)
	}
	closeAll(t, s, first, i, unsaved)
	if left := sessions(t, dir); len(left) != 1 {
		t.Errorf("what is saved must stay: %q", left)
	}
}

// Permissions are those of a private directory, whatever the umask.
func TestModes(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	dir := filepath.Join(t.TempDir(), "a", "b")
	s := begin(t, dir)
	if err := s.AddTemp("x"); err != nil {
		t.Fatal(err)
	}
	i, j := save(t, s, "/f", "1"), save(t, s, "/g", "2")
	if err := j.Lose("so"); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(filepath.Dir(dir), func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	closeAll(t, s, i)
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []fs.FileMode{0o770, 0o722, 0o777} {
		open := filepath.Join(dir, fmt.Sprintf("%o", mode))
		_ = os.Mkdir(open, 0o700)
		_ = os.Chmod(open, mode)
		if _, err := Open(open); err == nil || !strings.Contains(err.Error(), "chmod go-w "+open) {
			t.Errorf("%o: %v", mode, err)
		}
	}
	if _, err := Open(file); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("a file: %v", err)
	}
	if os.Geteuid() == 0 {
		theirs := filepath.Join(dir, "theirs")
		_ = os.Mkdir(theirs, 0o700)
		_ = os.Chown(theirs, 65534, 65534)
		if _, err := Open(theirs); err == nil || !strings.Contains(err.Error(), "another user") {
			t.Errorf("another user's: %v", err)
		}
	}
}

// What lives is not taken over, by whichever process it lives.
func TestLivingSessionsAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	a, b := begin(t, dir), begin(t, dir)
	i := save(t, a, "/mine", "mine")
	if got := recoverAll(t, b); len(got) > 0 {
		t.Errorf("took %d items of a living session", len(got))
	}

	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), otherProcess+"="+dir)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(stdout, make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	if got := recoverAll(t, b); len(got) > 0 {
		t.Errorf("took %d items of a living process", len(got))
	}
	want := map[string]int{"/mine": os.Getpid(), "/theirs": cmd.Process.Pid}
	all := list(t, dir)
	for _, p := range all {
		if !p.Alive || p.PID != want[p.Path] || p.Origin != origin || p.Lost {
			t.Errorf("%+v", p)
		}
	}
	if len(all) != 2 {
		t.Errorf("%+v", all)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	_ = stdin.Close()
	for _, p := range list(t, dir) {
		if p.Alive != (p.Path == "/mine") || p.PID != want[p.Path] {
			t.Errorf("after the kill: %+v", p)
		}
	}
	got := recoverAll(t, b)
	if d := cmp.Diff(map[string]string{"/theirs": "theirs"}, contents(t, got)); d != "" {
		t.Error(d)
	}
	for _, p := range list(t, dir) {
		if !p.Alive || p.PID != os.Getpid() {
			t.Errorf("taken over: %+v", p)
		}
	}
	if more := recoverAll(t, b); len(more) > 0 {
		t.Errorf("returned again: %d", len(more))
	}
	if err := i.Drop(); err != nil {
		t.Error(err)
	}
	closeAll(t, a)
	closeAll(t, b, got...)
}

// A process that is killed in the midst of it all, again and again, keeps every
// promise that it has told of.
func TestKilledInTheMidst(t *testing.T) {
	dir := t.TempDir()
	for round := range 15 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), otherProcess+"="+dir, otherProcess+"_STORM=1")
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		told := map[string]string{}
		lines := bufio.NewScanner(stdout)
		for n := 0; lines.Scan(); n++ {
			word, path, _ := strings.Cut(lines.Text(), " ")
			told[path] = word
			if n == 5+round {
				time.Sleep(rand.N(3 * time.Millisecond)) // somewhere
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait()
		next := begin(t, dir)
		items := recoverAll(t, next)
		got := contents(t, items)
		for path, word := range told {
			if word == "saved" && got[path] != path {
				t.Errorf("%s was saved, and is %q", path, got[path])
			}
		}
		for path, content := range got {
			if content != path {
				t.Errorf("%s has %q", path, content)
			}
		}
		for _, p := range list(t, dir) {
			data, err := os.ReadFile(p.File)
			if err != nil || string(data) != p.Path {
				t.Errorf("%+v: %q, %v", p, data, err)
			}
			if p.Lost && (told[p.Path] != "ended" || p.Error != "storm") {
				t.Errorf("%+v: %s", p, told[p.Path])
			}
		}
		for _, i := range items {
			if err := i.Drop(); err != nil {
				t.Error(err)
			}
		}
		closeAll(t, next)
		if left := sessions(t, dir); len(left) > 0 {
			t.Errorf("left: %q", left)
		}
		lost, err := filepath.Glob(filepath.Join(dir, "*", lostDir))
		for _, name := range lost { // the next round has the same paths
			err = errors.Join(err, os.RemoveAll(name))
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// Another origin's items are none of ours.
func TestOriginsAreApart(t *testing.T) {
	dir := t.TempDir()
	s := begin(t, dir)
	i := save(t, s, "/f", "1")
	closeAll(t, s, i)
	st, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	other, err := st.Begin(origin + "/other")
	if err != nil {
		t.Fatal(err)
	}
	if got := recoverAll(t, other); len(got) > 0 {
		t.Error("took another origin's items")
	}
	closeAll(t, other)
	if len(list(t, dir)) != 1 {
		t.Error("it is gone")
	}
}

// What a crash or a bad disk has left of an item: it is returned whole, or it
// is in lost+found with the reason, or it was never promised.
func TestDamage(t *testing.T) {
	flip := func(name string) func(string) error {
		return func(dir string) error {
			return change(dir, name, func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
		}
	}
	for _, test := range []struct {
		name   string
		damage func(dir string) error // of the session; its item has the id "x"
		want   string                 // content that is recovered
		reason string                 // of the loss
		lost   string                 // content in lost+found
		path   string                 // that lost+found knows
	}{
		{"none", func(string) error { return nil }, "hello", "", "", ""},
		{"no record", func(dir string) error { return os.Remove(filepath.Join(dir, "x.record")) }, "", "", "", ""},
		{"half a record beside", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, ".x.record123"), []byte(`{"for`), 0o600)
		}, "hello", "", "", ""},
		{"half a record", func(dir string) error {
			return change(dir, "x.record", func(b []byte) []byte { return b[:len(b)/2] })
		}, "", "damaged", "hello", ""},
		{"empty record", func(dir string) error {
			return change(dir, "x.record", func([]byte) []byte { return nil })
		}, "", "damaged", "hello", ""},
		{"changed record", func(dir string) error {
			return change(dir, "x.record", func(b []byte) []byte { return bytes.Replace(b, []byte("/dir"), []byte("/dog"), 1) })
		}, "", "checksum", "hello", "/dog/f"},
		{"flipped record", flip("x.record"), "", "damaged", "hello", "?"},
		{"future record", func(dir string) error {
			return change(dir, "x.record", func(b []byte) []byte { return bytes.Replace(b, []byte(`"format":1`), []byte(`"format":2`), 1) })
		}, "", "format 2", "hello", "/dir/f"},
		{"cut data", func(dir string) error { return os.Truncate(filepath.Join(dir, "x.data"), 3) }, "", "3 of 5 bytes", "hel", "/dir/f"},
		{"no data", func(dir string) error { return os.Remove(filepath.Join(dir, "x.data")) }, "", "missing", "-", "/dir/f"},
		{"written to since", func(dir string) error {
			return change(dir, "x.data", func(b []byte) []byte { return append(b, " you"...) })
		}, "hello you", "", "", ""},
		{"no lock", func(dir string) error { return os.Remove(filepath.Join(dir, lockFile)) }, "hello", "", "", ""},
		{"no origin", func(dir string) error { return os.Remove(filepath.Join(dir, originFile)) }, "hello", "", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			s := begin(t, dir)
			i := save(t, s, "/dir/f", "hello")
			for _, suffix := range []string{dataSuffix, recordSuffix} {
				if err := os.Rename(filepath.Join(s.dir, i.ID()+suffix), filepath.Join(s.dir, "x"+suffix)); err != nil {
					t.Fatal(err)
				}
			}
			closeAll(t, s, i)
			if err := test.damage(s.dir); err != nil {
				t.Fatal(err)
			}
			list(t, dir) // takes it too
			next := begin(t, dir)
			items := recoverAll(t, next)
			want := map[string]string{}
			if test.want != "" {
				want["/dir/f"] = test.want
			}
			if d := cmp.Diff(want, contents(t, items)); d != "" {
				t.Error(d)
			}
			for _, i := range items {
				if r, _ := i.Record(); r.Size != int64(len(test.want)) {
					t.Errorf("size %d", r.Size)
				}
			}
			checkLost(t, dir, test.reason, test.lost, test.path)
			// Nothing is left beside what is pending.
			closeAll(t, next, items...)
			if n := len(sessions(t, dir)); n != len(items) {
				t.Errorf("%d sessions, %d items", n, len(items))
			}
		})
	}
}

func change(dir, name string, how func([]byte) []byte) error {
	name = filepath.Join(dir, name)
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return os.WriteFile(name, how(data), 0o600)
}

// checkLost compares lost+found with the one loss that is expected; path "?"
// is any, content "-" is none.
func checkLost(t *testing.T, dir, reason, content, path string) {
	t.Helper()
	var lost []Pending
	for _, p := range list(t, dir) {
		if p.Lost {
			lost = append(lost, p)
		}
	}
	if reason == "" {
		if len(lost) > 0 {
			t.Errorf("lost: %+v", lost)
		}
		return
	}
	if len(lost) != 1 {
		t.Fatalf("lost: %+v", lost)
	}
	p := lost[0]
	if !strings.Contains(p.Error, reason) || (path != "?" && p.Path != path) || p.Origin != origin || p.Saved.IsZero() {
		t.Errorf("%+v", p)
	}
	data, err := os.ReadFile(p.File)
	if content == "-" {
		if !strings.HasSuffix(p.File, reasonSuffix) {
			t.Errorf("there is no data in %s", p.File)
		}
	} else if err != nil || string(data) != content || p.Size != int64(len(content)) {
		t.Errorf("%q, %v; %+v", data, err, p)
	}
}

// A crash at any step of Lose leaves what the next session finishes.
func TestLosingIsFinished(t *testing.T) {
	for _, after := range []string{"mark", "rename", "reason", "all"} {
		t.Run(after, func(t *testing.T) {
			dir := t.TempDir()
			s := begin(t, dir)
			i := save(t, s, "/dir/name", "hello")
			r, _ := i.Record()
			lost := filepath.Join(s.base, lostDir)
			if err := makeDir(lost); err != nil {
				t.Fatal(err)
			}
			mark := &lostMark{Name: "then-name", Reason: "so", When: instant{Seconds: 5}}
			if err := writeRecord(s.dir, i.ID(), r, mark); err != nil {
				t.Fatal(err)
			}
			switch after {
			case "all":
				if err := finishLosing(s.dir, i.ID(), origin, r, mark); err != nil {
					t.Fatal(err)
				}
			case "reason":
				if err := os.WriteFile(filepath.Join(lost, "then-name.reason"), []byte("{"), 0o600); err != nil {
					t.Fatal(err)
				}
				fallthrough
			case "rename":
				if err := os.Rename(filepath.Join(s.dir, i.ID()+dataSuffix), filepath.Join(lost, "then-name")); err != nil {
					t.Fatal(err)
				}
			}
			for _, p := range list(t, dir) {
				if data, err := os.ReadFile(p.File); !p.Lost || err != nil || string(data) != "hello" {
					t.Errorf("meanwhile: %+v, %q", p, data)
				}
			}
			closeAll(t, s, i)
			next := begin(t, dir)
			if items := recoverAll(t, next); len(items) > 0 {
				t.Error("it is back")
			}
			checkLost(t, dir, "so", "hello", "/dir/name")
			closeAll(t, next)
			if left := sessions(t, dir); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
		})
	}
}

// lost+found has names that can be typed, each once.
func TestLostNames(t *testing.T) {
	dir := t.TempDir()
	s := begin(t, dir)
	long := strings.Repeat("ü", 200)
	paths := []string{"/f", "/f", "/f", "", "/", "/a/\xff\n", "/b/" + long, "/x.reason"}
	for _, p := range paths {
		if err := save(t, s, p, "x").Lose("why not"); err != nil {
			t.Fatalf("%q: %v", p, err)
		}
	}
	unsaved, err := s.Create()
	if err != nil {
		t.Fatal(err)
	}
	if err := unsaved.Lose("never saved"); err != nil {
		t.Error(err)
	}
	if err := unsaved.Lose("again"); err == nil {
		t.Error("lost twice")
	}
	all := list(t, dir)
	var got []string
	for _, p := range all {
		got = append(got, p.Path)
		if name := filepath.Base(p.File); !utf8.ValidString(name) || strings.Contains(name, "\n") || len(name) > 200 {
			t.Errorf("%q", name)
		}
	}
	want := append(slices.Clone(paths), "")
	slices.Sort(got)
	slices.Sort(want)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	// Who takes the data away need not care for the reason.
	if err := os.Remove(all[0].File); err != nil {
		t.Fatal(err)
	}
	if n := len(list(t, dir)); n != len(all)-1 {
		t.Errorf("%d of %d", n, len(all))
	}
	closeAll(t, s)
}

// Temporary names outlive a session as long as they are not dropped.
func TestTemps(t *testing.T) {
	dir := t.TempDir()
	s := begin(t, dir)
	names := []string{"/a/.tmp 1", "/b\xff\n\"", "/c"}
	for _, n := range append(names, "/gone", names[0]) {
		if err := s.AddTemp(n); err != nil {
			t.Fatal(err)
		}
	}
	s.DropTemp("/gone")
	s.DropTemp("/never")
	if got := s.Temps(); len(got) > 0 {
		t.Errorf("its own: %q", got)
	}
	after := killed(t, dir)
	f, err := os.OpenFile(filepath.Join(sessions(t, after)[0], tempsFile), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.WriteString(`+"/half`)
	_ = f.Close()

	b := begin(t, after)
	recoverAll(t, b)
	if d := cmp.Diff(names, b.Temps()); d != "" {
		t.Error(d)
	}
	if n := len(sessions(t, after)); n != 1 {
		t.Errorf("%d sessions", n)
	}
	b.DropTemp(names[1])
	if d := cmp.Diff([]string{names[0], names[2]}, b.Temps()); d != "" {
		t.Error(d)
	}
	closeAll(t, b) // without dropping the others

	c := begin(t, after)
	recoverAll(t, c)
	if d := cmp.Diff([]string{names[0], names[2]}, c.Temps()); d != "" {
		t.Error(d)
	}
	for _, n := range names {
		c.DropTemp(n)
	}
	closeAll(t, c)
	if left := sessions(t, after); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	closeAll(t, s)
}

// The file of temporary names does not grow with the number of uploads.
func TestTempsAreBounded(t *testing.T) {
	dir := t.TempDir()
	s := begin(t, dir)
	if err := s.AddTemp("stays"); err != nil {
		t.Fatal(err)
	}
	for n := range 5 * maxIdleLines {
		name := fmt.Sprint(n)
		if err := s.AddTemp(name); err != nil {
			t.Fatal(err)
		}
		s.DropTemp(name)
	}
	data, err := os.ReadFile(filepath.Join(s.dir, tempsFile))
	if n := bytes.Count(data, []byte("\n")); err != nil || n > maxIdleLines+10 {
		t.Errorf("%d lines, %v", n, err)
	}
	if names, err := readTemps(filepath.Join(s.dir, tempsFile)); err != nil || len(names) != 1 {
		t.Errorf("%q, %v", names, err)
	}
	s.DropTemp("stays")
	closeAll(t, s)
}

// A full disk is said as what it is, costs nothing that was saved, and is over
// when there is room again.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("journal-test", dir, "tmpfs", 0, "size=128k,mode=700"); err != nil {
		t.Skipf("no small disk: %v", err)
	}
	defer func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}()
	s := begin(t, dir)
	i := save(t, s, "/f", "hello")
	before, _ := i.Record()
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	r := before
	r.Error = strings.Repeat("x", 5000)
	for what, err := range map[string]error{
		"Save": i.Save(r), "Note": i.Note(r), "AddTemp": s.AddTemp("x"), "Lose": i.Lose("x"),
	} {
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if now, _ := i.Record(); !cmp.Equal(now, before) {
		t.Error(cmp.Diff(before, now))
	}
	if got, _, err := readRecord(s.dir, i.ID()); err != nil || got.Path != "/f" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := i.File().WriteAt(make([]byte, 1<<16), 0); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("data: %v", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := i.Save(r); err != nil {
		t.Error(err)
	}
	if err := i.Drop(); err != nil {
		t.Error(err)
	}
	closeAll(t, s)
}

func TestMisuse(t *testing.T) {
	s := begin(t, t.TempDir())
	i, err := s.Create()
	if err != nil {
		t.Fatal(err)
	}
	if err := i.Note(Record{Path: "/f"}); err == nil {
		t.Error("Note before Save")
	}
	if err := i.Save(Record{Path: "/f", Size: 1}); err == nil || !strings.Contains(err.Error(), "1 bytes") {
		t.Errorf("more bytes than there are: %v", err)
	}
	if _, ok := i.Record(); ok {
		t.Error("it has a record")
	}
	if err := i.Drop(); err != nil {
		t.Error(err)
	}
	closeAll(t, s)
	if _, err := s.Create(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Close: %v", err)
	}
}

func TestListOfNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "no")
	if all := list(t, dir); len(all) > 0 || exists(dir) {
		t.Errorf("%+v", all)
	}
}

// Many use a session at once, and sessions come and go beside it.
func TestConcurrentUse(t *testing.T) {
	dir := t.TempDir()
	s := begin(t, dir)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for n := range 20 {
				name := fmt.Sprintf("/%d-%d", g, n)
				if err := s.AddTemp(name); err != nil {
					t.Error(err)
				}
				i := save(t, s, name, name)
				s.DropTemp(name)
				var err error
				switch n % 3 {
				case 0:
					err = i.Drop()
				case 1:
					err = i.Lose("test")
				default:
					_ = i.File().Close()
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			for range 10 {
				b := begin(t, dir)
				if got := recoverAll(t, b); len(got) > 0 {
					t.Errorf("took %d items", len(got))
				}
				closeAll(t, b)
				list(t, dir)
			}
		})
	}
	wg.Wait()
	lost, saved := 0, 0
	for _, p := range list(t, dir) {
		if p.Lost {
			lost++
		} else {
			saved++
		}
	}
	if lost != 4*7 || saved != 4*6 {
		t.Errorf("%d lost, %d saved", lost, saved)
	}
	closeAll(t, s)
}
