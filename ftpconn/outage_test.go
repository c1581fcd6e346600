package ftpconn_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"ftpfs/ftpconn"
	"ftpfs/ftpconn/ftptest"
)

// behind returns a proxy before a scripted server, and a pool that is connected
// through it.
func behind(t *testing.T, change func(*ftpconn.Config)) (*ftptest.Proxy, *ftpconn.Pool) {
	t.Helper()
	srv := script(t)
	proxy := ftptest.NewProxy(t, srv.Addr)
	p := connect(t, proxy.Host, proxy.Port, func(c *ftpconn.Config) {
		c.Timeout = time.Second
		if change != nil {
			change(c)
		}
	})
	return proxy, p
}

func list(ctx context.Context, p *ftpconn.Pool) error {
	_, err := p.List(ctx, "/dir", ftpconn.LaneMeta)
	return err
}

func up(t *testing.T, proxy *ftptest.Proxy) {
	t.Helper()
	if err := proxy.Up(); err != nil {
		t.Fatal(err)
	}
	proxy.Thaw()
}

// The first call waits for a server that may come back, the next ones fail at
// once, and all is well when it has come back.
func TestServerAway(t *testing.T) {
	for name, leave := range map[string]func(*ftptest.Proxy){
		"refuses":                 (*ftptest.Proxy).Down,
		"is silent":               (*ftptest.Proxy).Freeze,
		"is silent, all was lost": func(p *ftptest.Proxy) { p.CloseConnections(); p.Freeze() },
		"hangs up":                func(p *ftptest.Proxy) { p.CloseConnections(); answerAll(p, "421 Going down.\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy, p := behind(t, nil)
			for range 2 {
				leave(proxy)
				if err := list(t.Context(), p); !errors.Is(err, ftpconn.ErrUnreachable) && !errors.Is(err, ftpconn.ErrTimeout) {
					t.Fatalf("the first call: %v", err)
				}
				// One in a while tries; those between are answered without.
				eventually(t, "a call that fails at once", func() bool { return errors.Is(list(t.Context(), p), ftpconn.ErrAway) })
				before := proxy.Accepted()
				for range 50 {
					if err := list(t.Context(), p); !errors.Is(err, ftpconn.ErrUnreachable) {
						t.Fatalf("a later call: %v", err)
					}
				}
				if n := proxy.Accepted() - before; n > 10 {
					t.Errorf("50 calls tried %d times", n)
				}
				proxy.Heal()
				up(t, proxy)
				eventually(t, "the server's return", func() bool { return list(t.Context(), p) == nil })
				if room := p.Room(); room < 7 { // one may be busy
					t.Errorf("room for %d transfers only", room)
				}
			}
		})
	}
}

func answerAll(p *ftptest.Proxy, reply string) {
	p.Inject(ftptest.Fault{Verb: ftptest.Greeting, Times: ftptest.Always, At: ftptest.AtFinal, Do: ftptest.Answer, Reply: reply})
}

// A server that is restarted while calls are under way is not noticed.
func TestServerRestartIsNotNoticed(t *testing.T) {
	proxy, p := behind(t, func(c *ftpconn.Config) { c.Timeout = time.Minute })
	proxy.Down()
	var calls sync.WaitGroup
	for range 10 {
		calls.Go(func() {
			if err := list(t.Context(), p); err != nil {
				t.Error(err)
			}
		})
	}
	time.Sleep(300 * time.Millisecond)
	up(t, proxy)
	calls.Wait()
	if room := p.Room(); room < 7 {
		t.Errorf("room for %d transfers only", room)
	}
}

// With Hard, calls wait for the server as long as it takes, or until they are
// interrupted.
func TestHardWaits(t *testing.T) {
	for name, leave := range map[string]func(*ftptest.Proxy){
		"refuses":   (*ftptest.Proxy).Down,
		"is silent": (*ftptest.Proxy).Freeze,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy, p := behind(t, func(c *ftpconn.Config) { c.Hard, c.Timeout = true, 300*time.Millisecond })
			leave(proxy)
			ctx, cancel := context.WithCancel(t.Context())
			left, stayed := make(chan error, 1), make(chan error, 1)
			go func() { left <- list(ctx, p) }()
			go func() { stayed <- list(t.Context(), p) }()
			select {
			case err := <-left:
				t.Errorf("the call came back: %v", err)
			case <-time.After(2 * time.Second):
			}
			cancel()
			if err := <-left; !errors.Is(err, context.Canceled) {
				t.Errorf("interrupted: %v", err)
			}
			up(t, proxy)
			if err := <-stayed; err != nil {
				t.Errorf("the server is back: %v", err)
			}
		})
	}
}
