package ftptest

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2024, 2, 29, 12, 30, 15, 0, time.UTC)

func TestServerServesWhatTheTestWrote(t *testing.T) {
	s := NewServer(t)
	s.WriteFile("/a/ü b.txt", []byte("hello"), noon)
	s.Mkdir("/empty")
	c := login(t, s.Addr)

	if got := c.get("RETR /a/ü b.txt"); got != "hello" {
		t.Errorf("RETR = %q, want hello", got)
	}
	if got := c.cmd(213, "SIZE a/ü b.txt"); got != "5" {
		t.Errorf("SIZE = %q, want 5", got)
	}
	if got := c.cmd(213, "MDTM a/ü b.txt"); got != "20240229123015" {
		t.Errorf("MDTM = %q", got)
	}
	if got, want := c.get("MLSD a"), "Type=file;Size=5;Modify=20240229123015; ü b.txt\r\n"; got != want {
		t.Errorf("MLSD = %q, want %q", got, want)
	}
	c.cmd(350, "REST 3")
	if got := c.get("RETR /a/ü b.txt"); got != "lo" {
		t.Errorf("RETR after REST 3 = %q, want lo", got)
	}
	if got := c.getOver(c.pasv(), "LIST"); !strings.Contains(got, " empty\r\n") || !strings.Contains(got, "drwxr-xr-x") {
		t.Errorf("LIST = %q, want a line for the directory empty", got)
	}
	c.cmd(550, "SIZE nothing")
	c.send("RETR a")
	c.reply(550)
}

func TestServerRecordsCommandsOfEachConnectionWithoutPasswords(t *testing.T) {
	s := NewServer(t, WithLogin("ann", "sesame"))
	c := dial(t, s.Addr)
	c.reply(220)
	c.cmd(331, "USER ann")
	c.cmd(230, "PASS sesame")
	d := dial(t, s.Addr)
	d.reply(220)
	d.cmd(200, "noop")

	want := []string{"1 USER ann", "1 PASS ***", "2 NOOP"}
	if diff := cmp.Diff(want, s.Commands()); diff != "" {
		t.Errorf("Commands (-want +got):\n%s", diff)
	}
	if n := s.Count("user", "NOOP"); n != 2 {
		t.Errorf("Count(user, NOOP) = %d, want 2", n)
	}
	if n := s.Count(); n != 3 {
		t.Errorf("Count() = %d, want 3", n)
	}
	if now, most := s.Connections(); now != 2 || most != 2 {
		t.Errorf("Connections = %d, %d, want 2, 2", now, most)
	}
	if n := s.Turns(); n != 3 {
		t.Errorf("Turns = %d, want 3", n)
	}
	s.ResetCommands()
	if n := s.Count(); n != 0 || s.Turns() != 0 {
		t.Errorf("Count() = %d, Turns() = %d after ResetCommands, want 0", n, s.Turns())
	}
}

func TestServerCountsPipelinedCommandsAsOneTurn(t *testing.T) {
	s := NewServer(t)
	c := login(t, s.Addr)
	s.ResetCommands()
	c.send("PWD\r\nNOOP\r\nSYST")
	c.reply(257)
	c.reply(200)
	c.reply(215)
	if n := s.Turns(); n != 1 {
		t.Errorf("Turns = %d, want 1", n)
	}
}

func TestServerRefusesWrongPasswordsAndUnknownUsers(t *testing.T) {
	s := NewServer(t, WithLogin("ann", "sesame"))
	for _, try := range [][2]string{{"ann", "wrong"}, {"bob", "sesame"}, {"anonymous", "x"}} {
		c := dial(t, s.Addr)
		c.reply(220)
		c.cmd(331, "USER "+try[0])
		c.cmd(530, "PASS "+try[1])
	}
	if got, want := s.URL(), "ftp://ann:sesame@"+s.Addr+"/"; got != want {
		t.Errorf("URL = %q, want %q", got, want)
	}
}

func TestServerTellsOneConnectionTooMany421(t *testing.T) {
	s := NewServer(t)
	s.SetMaxConnections(1)
	first := login(t, s.Addr)
	second := dial(t, s.Addr)
	// Data that comes before the refusal must not turn it into a reset.
	second.send("USER anonymous")
	second.reply(421)
	second.gone()
	first.cmd(200, "NOOP")
	first.cmd(221, "QUIT")
	first.gone()
	eventually(t, "the first connection is forgotten", func() bool { now, _ := s.Connections(); return now == 0 })
	login(t, s.Addr)
	if _, most := s.Connections(); most != 1 {
		t.Errorf("most connections at once = %d, want 1", most)
	}
}

func TestServerTellsOneLoginTooMany530(t *testing.T) {
	s := NewServer(t)
	s.SetMaxLogins(1)
	login(t, s.Addr)
	c := dial(t, s.Addr)
	c.reply(220)
	c.cmd(331, "USER ftp")
	c.cmd(530, "PASS x")
}

func TestServerCutsConnectionsLikeARestart(t *testing.T) {
	s := NewServer(t)
	s.WriteFile("/big", bytes.Repeat([]byte("x"), 16<<20), noon)
	idle, reading, waiting := login(t, s.Addr), login(t, s.Addr), login(t, s.Addr)
	d := reading.data()
	reading.cmd(150, "RETR /big")
	waiting.cmd(229, "EPSV")
	waiting.send("RETR /big") // nobody connects
	eventually(t, "the third RETR arrived", func() bool { return s.Count("RETR") == 2 })

	s.CloseConnections()
	idle.gone()
	reading.gone()
	waiting.gone()
	if n, err := io.Copy(io.Discard, d); n >= 16<<20 {
		t.Errorf("got all %d bytes of a cut transfer, %v", n, err)
	}
	login(t, s.Addr).cmd(200, "NOOP")
}

func TestServerReplacesAFileWithoutMixingVersions(t *testing.T) {
	s := NewServer(t)
	old := bytes.Repeat([]byte("old!"), 4<<20)
	s.WriteFile("/f", old, noon)
	c := login(t, s.Addr)
	d := c.data()
	c.cmd(150, "RETR /f")
	s.WriteFile("/f", []byte("new"), noon.Add(time.Hour))
	got, err := io.ReadAll(d)
	if err != nil || !bytes.Equal(got, old) {
		t.Errorf("read %d bytes, %v, want the %d of the old version", len(got), err, len(old))
	}
	c.reply(226)
	if got := c.get("RETR /f"); got != "new" {
		t.Errorf("RETR = %q, want new", got)
	}
	s.Remove("/f")
	c.cmd(550, "SIZE /f")
}

func TestServerTakesUploadsAndChanges(t *testing.T) {
	s := NewServer(t)
	c := login(t, s.Addr)
	c.cmd(257, "MKD /d")
	c.put("STOR /d/f", "hello")
	c.put("APPE /d/f", " world")
	if data, err := s.ReadFile("/d/f"); err != nil || string(data) != "hello world" {
		t.Errorf("ReadFile = %q, %v", data, err)
	}
	c.cmd(550, "RMD /d")
	c.cmd(550, "DELE /d")
	c.cmd(200, "SITE CHMOD 600 /d/f")
	if info, err := s.Stat("/d/f"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("Stat = %v, %v, want mode 0600", info, err)
	}
	c.cmd(350, "RNFR /d/f")
	c.cmd(250, "RNTO /g")
	c.cmd(250, "RMD /d")
	c.cmd(250, "DELE /g")
	d := c.data()
	c.send("STOR /missing/f")
	c.reply(550)
	_ = d.Close()
}

func TestServerShowsADirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte("on disk"), 0o644); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"l": "f", "dangling": "nothing"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	s := NewServer(t, WithDir(dir))
	s.WriteFile("/sub/g", []byte("more"), noon)
	c := login(t, s.Addr)
	if got := c.get("RETR /l"); got != "on disk" {
		t.Errorf("RETR = %q", got)
	}
	names := strings.Fields(c.get("NLST"))
	if slices.Sort(names); !slices.Equal(names, []string{"f", "l", "sub"}) {
		t.Errorf("NLST = %q", names)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "sub/g")); err != nil || string(data) != "more" {
		t.Errorf("sub/g = %q, %v", data, err)
	}
	if _, err := Start(WithDir(filepath.Join(dir, "f"))); err == nil {
		t.Error("Start with a file for a directory succeeded")
	}
}

func TestServerSpeaksTLSAndStillRecords(t *testing.T) {
	s := NewServer(t, WithTLSRequired())
	plain := dial(t, s.Addr)
	plain.reply(220)
	plain.cmd(421, "USER ftp")

	c := dial(t, s.Addr)
	c.reply(220)
	c.cmd(234, "AUTH TLS")
	conn := tls.Client(c.raw, s.TLS)
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	c = &client{Conn: textproto.NewConn(conn), t: t, raw: conn}
	c.cmd(331, "USER ftp")
	c.cmd(230, "PASS x")
	if got := s.Commands(); !slices.Contains(got, "2 USER ftp") || !slices.Contains(got, "2 PASS ***") {
		t.Errorf("Commands = %q, want those inside TLS", got)
	}
}

func TestCurlReadsFromTheServer(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("curl is not installed")
	}
	s := NewServer(t, WithLogin("ann", "sesame"))
	s.WriteFile("/dir/f", []byte("by curl"), noon)
	for _, extra := range [][]string{nil, {"--disable-epsv"}, {"--ftp-port", "-"}} {
		args := append([]string{"-sS", s.URL() + "dir/f"}, extra...)
		if out, err := exec.Command(curl, args...).CombinedOutput(); err != nil || string(out) != "by curl" {
			t.Errorf("curl %q = %q, %v", extra, out, err)
		}
	}

	implicit := NewServer(t, WithImplicitTLS())
	implicit.WriteFile("/f", []byte("in TLS"), noon)
	out, err := exec.Command(curl, "-sSk", implicit.URL()+"f").CombinedOutput()
	if err != nil || string(out) != "in TLS" {
		t.Errorf("curl over TLS = %q, %v", out, err)
	}
}

func TestServerClosesWithATransferUnderWay(t *testing.T) {
	s, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	s.WriteFile("/big", make([]byte, 16<<20), noon)
	c := login(t, s.Addr)
	c.data()
	c.cmd(150, "RETR /big")
	s.Close()
	s.Close()
	c.gone()
	if now, _ := s.Connections(); now != 0 {
		t.Errorf("%d connections left", now)
	}
}
