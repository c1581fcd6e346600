package ftpconn_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ftpfs/ftpconn"
	"ftpfs/ftpconn/ftptest/realserver"
)

// writable is a directory that the servers' users may write to.
func writable(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := os.Chmod(filepath.Dir(root), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(root, 0o777); err != nil {
		t.Fatal(err)
	}
	return root
}

// onWritable runs a test with each of the servers, in clear (0) and under
// versions of TLS.
func onWritable(t *testing.T, versions []uint16, test func(t *testing.T, kind realserver.Kind, root string, p *ftpconn.Pool)) {
	for _, kind := range realserver.All {
		for _, version := range versions {
			name := string(kind)
			if version != 0 {
				name += "/" + tls.VersionName(version)
			}
			t.Run(name, func(t *testing.T) {
				root := writable(t)
				srv := realserver.Start(t, kind, realserver.Options{Root: root, Writable: true, TLS: version != 0})
				p := connect(t, srv.Host, srv.Port, func(c *ftpconn.Config) {
					c.User, c.Password, c.Root = srv.User, srv.Password, srv.Dir
					c.Timeout = 30 * time.Second // Pure-FTPd thinks long about a password
					if version != 0 {
						c.TLS, c.TLSConfig = ftpconn.TLSExplicit, srv.TLS.Clone()
						c.TLSConfig.MinVersion, c.TLSConfig.MaxVersion = version, version
					}
				})
				test(t, kind, root, p)
			})
		}
	}
}

// send stores content in pieces.
func send(t *testing.T, p *ftpconn.Pool, name string, data []byte, o ftpconn.StoreOptions, s ftpconn.Settled) (ftpconn.Applied, error) {
	t.Helper()
	u, err := p.Store(t.Context(), name, o)
	if err != nil {
		return ftpconn.Applied{}, err
	}
	if _, err := io.CopyBuffer(struct{ io.Writer }{u}, struct{ io.Reader }{bytes.NewReader(data)}, make([]byte, 100_000)); err != nil {
		u.Abort()
		return ftpconn.Applied{}, err
	}
	return u.Commit(t.Context(), s)
}

func TestStoreOnServers(t *testing.T) {
	onWritable(t, []uint16{0, tls.VersionTLS12, tls.VersionTLS13}, func(t *testing.T, kind realserver.Kind, root string, p *ftpconn.Pool) {
		when := time.Date(2021, 2, 3, 4, 5, 6, 0, time.UTC)
		for i, size := range []int{0, 1, 1000, 64 << 10, 64<<10 + 1, 5 << 20} {
			for round, known := range []bool{true, false} {
				data := content(size)
				name := fmt.Sprintf("/f %d-%d", i, round)
				o := ftpconn.StoreOptions{Size: -1, Lane: ftpconn.LaneRead}
				if known {
					o.Size = int64(size)
				}
				a, err := send(t, p, name, data, o, ftpconn.Settled{Size: int64(size), Time: when, Mode: 0o640, HasMode: true})
				if err != nil {
					t.Errorf("%d bytes: %v", size, err)
					continue
				}
				got, err := os.ReadFile(root + name)
				if err != nil || !bytes.Equal(got, data) {
					t.Errorf("%d bytes: %d bytes arrived, %v", size, len(got), err)
				}
				if a.Entry.Size != int64(size) || a.Entry.Name != strings.TrimPrefix(name, "/") {
					t.Errorf("%d bytes: %+v", size, a)
				}
				info, err := os.Stat(root + name)
				if err != nil {
					t.Fatal(err)
				}
				if a.Time != info.ModTime().Equal(when) || !a.Time || !a.Entry.ModTime.Equal(when) {
					t.Errorf("%d bytes: the time is %v: %+v", size, info.ModTime(), a)
				}
				// vsftpd has no modes for anonymous users.
				if a.Mode != (info.Mode().Perm() == 0o640) || a.Mode != (kind != realserver.VSFTPD) {
					t.Errorf("%d bytes: the mode is %v: %+v", size, info.Mode(), a)
				}
			}
		}
		// Behind what is there, and in place of it.
		for _, size := range []int{10, 200_000} {
			_, err := send(t, p, "/f 2-0", content(size), ftpconn.StoreOptions{Size: -1, Append: true}, ftpconn.Settled{Size: int64(1000 + size)})
			if kind == realserver.ProFTPD { // AllowStoreRestart is off unless it is asked for
				if !errors.Is(err, ftpconn.ErrNotSupported) || !ftpconn.Final(err) {
					t.Errorf("append: %v", err)
				}
				continue
			}
			if err != nil {
				t.Errorf("append: %v", err)
			}
			want := append(content(1000), content(size)...)
			if got, err := os.ReadFile(root + "/f 2-0"); err != nil || !bytes.Equal(got, want) {
				t.Errorf("append: %d bytes, %v", len(got), err)
			}
			if _, err := send(t, p, "/f 2-0", content(1000), ftpconn.StoreOptions{Size: -1}, ftpconn.Settled{Size: 1000}); err != nil {
				t.Errorf("overwrite: %v", err)
			}
		}
		if _, err := send(t, p, "/f 0-0", content(10), ftpconn.StoreOptions{Size: -1}, ftpconn.Settled{Size: 11}); !errors.Is(err, ftpconn.ErrShort) {
			t.Errorf("another size than there should be: %v", err)
		}
	})
}

func TestChangesOnServers(t *testing.T) {
	onWritable(t, []uint16{0, tls.VersionTLS13}, func(t *testing.T, kind realserver.Kind, root string, p *ftpconn.Pool) {
		ctx := t.Context()
		put := func(name string) {
			t.Helper()
			if _, err := send(t, p, name, []byte(name), ftpconn.StoreOptions{Size: -1}, ftpconn.Settled{Size: int64(len(name))}); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		check := func(what string, err, want error) {
			t.Helper()
			if (err == nil) != (want == nil) || !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", what, err, want)
			}
			if err != nil && !ftpconn.Final(err) {
				t.Errorf("%s: not final: %v", what, err)
			}
		}
		exists := func(name string, want bool) {
			t.Helper()
			if _, err := os.Lstat(root + name); (err == nil) != want {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, dir := range []string{"/d", "/d/sub", "/empty", "/two words", "/[x]", "/-rf", "/Grüße"} {
			check("mkdir "+dir, p.Mkdir(ctx, dir), nil)
			exists(dir, true)
			put(dir + "/file")
		}
		check("rm", p.Remove(ctx, "/empty/file"), nil)
		check("mkdir of a directory", p.Mkdir(ctx, "/d"), fs.ErrExist)
		check("mkdir of a file", p.Mkdir(ctx, "/d/file"), fs.ErrExist)
		check("mkdir in nothing", p.Mkdir(ctx, "/none/x"), fs.ErrNotExist)
		check("mkdir in a file", p.Mkdir(ctx, "/d/file/x"), ftpconn.ErrNotDir)
		check("rmdir of a full directory", p.Rmdir(ctx, "/d"), ftpconn.ErrNotEmpty)
		check("rmdir of a file", p.Rmdir(ctx, "/d/file"), ftpconn.ErrNotDir)
		check("rmdir of nothing", p.Rmdir(ctx, "/none"), fs.ErrNotExist)
		check("rm of a directory", p.Remove(ctx, "/empty"), ftpconn.ErrIsDir)
		check("rm of nothing", p.Remove(ctx, "/none"), fs.ErrNotExist)
		check("rmdir", p.Rmdir(ctx, "/empty"), nil)
		exists("/empty", false)
		put("/d/.hidden")
		check("rm", p.Remove(ctx, "/d/file"), nil)
		check("rm", p.Remove(ctx, "/d/sub/file"), nil)
		check("rmdir", p.Rmdir(ctx, "/d/sub"), nil)
		check("rmdir of a directory with a hidden file", p.Rmdir(ctx, "/d"), ftpconn.ErrNotEmpty)

		put("/d/a")
		put("/d/b")
		check("rename", p.Rename(ctx, "/d/a", "/d/c"), nil)
		exists("/d/a", false)
		check("rename of nothing", p.Rename(ctx, "/d/a", "/d/x"), fs.ErrNotExist)
		check("rename into nothing", p.Rename(ctx, "/d/c", "/none/x"), fs.ErrNotExist)
		check("rename onto a file", p.Rename(ctx, "/d/c", "/d/b"), nil)
		if got, err := os.ReadFile(root + "/d/b"); err != nil || string(got) != "/d/a" {
			t.Errorf("rename onto a file: %q, %v", got, err)
		}
		check("rename of a tree", p.Rename(ctx, "/d", "/e"), nil)
		exists("/e/b", true)
		check("mkdir", p.Mkdir(ctx, "/empty"), nil)
		err := p.Rename(ctx, "/e", "/empty")
		t.Logf("rename of a directory onto an empty one: %v", err)
		exists("/empty/b", err == nil)
		if err == nil {
			check("rename back", p.Rename(ctx, "/empty", "/e"), nil)
		}
		check("rename of a file onto a directory", p.Rename(ctx, "/e/b", "/-rf"), ftpconn.ErrIsDir)
		check("rename of a directory onto a full one", p.Rename(ctx, "/e", "/-rf"), ftpconn.ErrNotEmpty)
		check("rename of a directory onto a file", p.Rename(ctx, "/e", "/-rf/file"), ftpconn.ErrNotDir)

		put("/e/two  words")
		for _, name := range []string{"/e/two  words", "/[x]/file", "/-rf/file"} {
			when := time.Date(2019, 10, 27, 0, 30, 17, 0, time.UTC)
			check("time of "+name, p.SetTime(ctx, name, when), nil)
			if info, err := os.Stat(root + name); err != nil || !info.ModTime().Equal(when) {
				t.Errorf("time of %s: %v, %v", name, info.ModTime(), err)
			}
			if kind == realserver.VSFTPD {
				continue
			}
			check("mode of "+name, p.SetMode(ctx, name, 0o604), nil)
			if info, err := os.Stat(root + name); err != nil || info.Mode().Perm() != 0o604 {
				t.Errorf("mode of %s: %v, %v", name, info.Mode(), err)
			}
		}
		when := time.Date(2018, 1, 1, 1, 1, 1, 0, time.UTC)
		err = p.SetTime(ctx, "/e", when)
		info, _ := os.Stat(root + "/e")
		t.Logf("time of a directory: %v, %v", err, info.ModTime().UTC())
		check("time of nothing", p.SetTime(ctx, "/none", when), fs.ErrNotExist)
		check("mode of nothing", p.SetMode(ctx, "/none", 0o644), fs.ErrNotExist)

		if err := p.Symlink(ctx, "e/b", "/link"); (err == nil) != (kind == realserver.ProFTPD) {
			t.Errorf("symlink: %v", err)
		} else if err == nil {
			// It makes the target absolute.
			if target, err := os.Readlink(root + "/link"); err != nil || target != "/e/b" {
				t.Errorf("symlink: to %q, %v", target, err)
			}
		} else if kind != realserver.VSFTPD { // which has no SITE for anonymous users
			check("symlink", err, ftpconn.ErrNotSupported)
		}
		if kind == realserver.ProFTPD {
			check("copy", p.Copy(ctx, "/e/two  words", "/copied file"), nil)
			if copied, err := os.ReadFile(root + "/copied file"); err != nil || string(copied) != "/e/two  words" {
				t.Errorf("copy: %q, %v", copied, err)
			}
			check("copy of nothing", p.Copy(ctx, "/none", "/x"), fs.ErrNotExist)
			check("copy into nothing", p.Copy(ctx, "/e/b", "/none/x"), fs.ErrNotExist)
		} else {
			check("copy", p.Copy(ctx, "/e/two  words", "/copied file"), ftpconn.ErrNotSupported)
		}
		_, err = p.Space(ctx, "/")
		check("space", err, ftpconn.ErrNotSupported)

		store := func(name string, size int) error {
			_, err := send(t, p, name, content(size), ftpconn.StoreOptions{Size: int64(size)}, ftpconn.Settled{Size: int64(size)})
			return err
		}
		if err := os.MkdirAll(root+"/closed", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(root+"/closed/file", []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{10, 100_000} {
			check("store onto a directory", store("/e", size), ftpconn.ErrIsDir)
			check("store in nothing", store("/none/x", size), fs.ErrNotExist)
			check("store in a file", store("/e/b/x", size), ftpconn.ErrNotDir)
			check("store where it is not allowed", store("/closed/x", size), fs.ErrPermission)
			check("store onto what is not ours", store("/closed/file", size), fs.ErrPermission)
		}
		check("rm of what is not ours", p.Remove(ctx, "/closed/file"), fs.ErrPermission)
		check("mkdir where it is not allowed", p.Mkdir(ctx, "/closed/x"), fs.ErrPermission)
		check("rename where it is not allowed", p.Rename(ctx, "/closed/file", "/closed/x"), fs.ErrPermission)
		check("name", p.Mkdir(ctx, "/a\r\nDELE x"), ftpconn.ErrName)
	})
}
