package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"ftpfs/cache/journal"

	"go.uber.org/goleak"
)

const testOrigin = "ftp://joe@host:21/pub"

// uploaderVariable makes the test's program one that has items to upload: it
// saves one for each line "save PATH" that it reads, and drops it at "drop
// PATH"; "fail PATH" is a failed try, "lose PATH" gives up.
const uploaderVariable = "FTPFS_TEST_UPLOADER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(uploaderVariable); dir != "" {
		if err := uploader(dir); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func uploader(dir string) error {
	st, err := journal.Open(dir)
	if err != nil {
		return err
	}
	s, err := st.Begin(testOrigin)
	if err != nil {
		return err
	}
	items := map[string]*journal.Item{}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		word, path, _ := strings.Cut(in.Text(), " ")
		i := items[path]
		var err error
		switch word {
		case "save":
			if i, err = s.Create(); err == nil {
				_, _ = i.File().WriteString("hello")
				items[path] = i
				err = i.Save(journal.Record{Path: path, Size: 5})
			}
		case "drop":
			err = i.Drop()
		case "lose":
			err = i.Lose("the server has another version")
		case "fail":
			r, _ := i.Record()
			r.Tries++
			r.Error = "451 the disk is full"
			err = i.Note(r)
		}
		if err != nil {
			return err
		}
		fmt.Println("ok")
	}
	return s.Close()
}

// other is a running uploader.
type other struct {
	t   *testing.T
	cmd *exec.Cmd
	in  *os.File
	out *bufio.Reader
}

func startUploader(t *testing.T, dir string) *other {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), uploaderVariable+"="+dir)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, cmd.Stderr = read, os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = read.Close()
	o := &other{t, cmd, write, bufio.NewReader(out)}
	t.Cleanup(o.kill)
	return o
}

func (o *other) do(line string) {
	o.t.Helper()
	_, _ = fmt.Fprintln(o.in, line)
	if got, err := o.out.ReadString('\n'); got != "ok\n" {
		o.t.Fatalf("%s: %q, %v", line, got, err)
	}
}

// end lets it finish.
func (o *other) end() {
	o.t.Helper()
	_ = o.in.Close()
	if err := o.cmd.Wait(); err != nil {
		o.t.Error(err)
	}
}

func (o *other) kill() {
	_ = o.cmd.Process.Kill()
	_ = o.in.Close()
	_ = o.cmd.Wait()
}

// testApp has an environment of its own.
func testApp(env map[string]string) (*app, *strings.Builder, *strings.Builder) {
	var out, errOut strings.Builder
	return &app{
		env: func(name string) string { return env[name] }, stdin: strings.NewReader(""), stdout: &out, stderr: &errOut,
	}, &out, &errOut
}
