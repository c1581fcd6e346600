package ftpconn

import (
	"context"
	"errors"
	"sync"
	"time"

	"ftpfs/ftpconn/listing"
)

// Pool is a server, reached over one control connection or several. It is
// safe for concurrent use.
type Pool struct {
	cfg Config
	srv *server

	ctx    context.Context // ends with Close; background work runs under it
	cancel context.CancelFunc
	work   sync.WaitGroup // background goroutines

	mu        sync.Mutex // guards all that follows
	closed    bool
	conns     map[*Conn]struct{} // all that are open, whoever has them
	idle      []*Conn            // the last one was used last
	dialing   int                // logins under way
	recycling int                // connections that come back by themselves
	waiters   [laneCount][]*waiter
	streams   map[*stream]struct{} // transfers that can be asked to give way
	sending   int                  // uploads that have a connection
	lastID    int
	lastUse   time.Time
	coldUntil time.Time // data connections could not be opened in advance
	growth    growth
	outage    outage
}

// NewPool returns a Pool that has not connected yet.
func NewPool(cfg Config) (*Pool, error) {
	if cfg.Host == "" {
		return nil, errors.New("no host")
	}
	cfg = cfg.withDefaults()
	p := &Pool{
		cfg: cfg, srv: &server{},
		conns: make(map[*Conn]struct{}), streams: make(map[*stream]struct{}),
		growth: growth{limit: cfg.Connections},
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.work.Go(p.keepHouse)
	return p, nil
}

// Connect opens the first connection, logs in, and enters Config.Root. Its
// errors say which of these failed: ErrUnreachable, ErrLogin, or an *Error of
// the command CWD.
func (p *Pool) Connect(ctx context.Context) error {
	return p.do(ctx, LaneMeta, func(c *Conn) error { return c.findRoot(ctx) })
}

// Root is the server's own path of "/", once Connect has returned nil.
func (p *Pool) Root() string { return p.srv.facts().root }

// List reads a directory. The errors answer to errors.Is with
// fs.ErrNotExist, fs.ErrPermission or ErrNotDir only if that is certain.
func (p *Pool) List(ctx context.Context, dir string, lane Lane) (*Listing, error) {
	var l *Listing
	err := p.do(ctx, lane, func(c *Conn) error {
		var err error
		if l, err = c.list(ctx, dir); err != nil {
			return c.explain(ctx, dir, listing.Dir, err)
		}
		return nil
	})
	return l, err
}

// Stat asks the server about one path. fs.ErrNotExist means that it is
// certain that there is no such object.
func (p *Pool) Stat(ctx context.Context, name string, lane Lane) (Entry, error) {
	var e Entry
	err := p.do(ctx, lane, func(c *Conn) error {
		var err error
		e, err = c.stat(ctx, name)
		return err
	})
	return e, err
}

// Exists asks about one path in one round trip. A refusal counts as absence,
// which Stat would look into: it is for those who are about to make the file.
func (p *Pool) Exists(ctx context.Context, name string, lane Lane) (e Entry, found bool, err error) {
	err = p.do(ctx, lane, func(c *Conn) error {
		var err error
		e, err = c.look(ctx, name)
		found = err == nil
		var refused *Error
		if errors.As(err, &refused) && c.broken == nil && !refused.Temporary() {
			return nil
		}
		return err
	})
	return e, found, err
}

// Room says how many transfers more could run without waiting for one of those
// that are under way.
func (p *Pool) Room() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	waiting := 0
	for _, queue := range p.waiters {
		waiting += len(queue)
	}
	busy := len(p.conns) + p.dialing - len(p.idle) - p.recycling
	return max(0, p.growth.limit-busy-waiting)
}

// RoundTrip is about the time that a packet takes to the server and back; 0 if
// that is not known yet.
func (p *Pool) RoundTrip() time.Duration {
	p.srv.mu.Lock()
	defer p.srv.mu.Unlock()
	return p.srv.roundTrip
}

// do runs f with a connection. It is for what may be repeated: work that a
// connection broke under is done again on another one; but not after a timeout,
// since the user has waited long enough, unless that is how it is wanted
// (Config.Hard).
func (p *Pool) do(ctx context.Context, lane Lane, f func(*Conn) error) error {
	for try := 0; ; try++ {
		c, err := p.get(ctx, lane)
		if err != nil {
			return err
		}
		err = c.safely(f)
		again := err != nil && ctx.Err() == nil && p.worthRetry(c, err, try)
		p.put(c)
		if !again {
			if err != nil && ctx.Err() != nil {
				return ctx.Err()
			}
			return err
		}
	}
}

// worthRetry says whether another connection may do better.
func (p *Pool) worthRetry(c *Conn, err error, try int) bool {
	if p.cfg.Hard && c.silent {
		return true
	}
	if try >= 3 {
		return false
	}
	if errors.Is(err, ErrTimeout) || errors.Is(err, ErrName) || errors.Is(err, errPanic) {
		return false
	}
	if c.broken != nil {
		var odd *ProtocolError
		if errors.As(c.broken, &odd) && c.srv.demote() {
			// It may be our sending ahead that it does not take.
			c.cfg.Logger.Info("the server now gets one command at a time", "reason", odd)
		}
		return true
	}
	var refused *Error
	if errors.As(err, &refused) {
		// The data connection failed, not the file.
		return try == 0 && (refused.Code == codeNoData || refused.Code == codeAborted)
	}
	return try == 0 && (errors.Is(err, ErrShort) || errors.Is(err, ErrUnreachable))
}

// waiter is work that waits for a connection.
type waiter struct {
	lane  Lane
	since time.Time
	grant chan grant // has room for one
}

type grant struct {
	conn *Conn
	err  error
}

// get returns a connection that is nobody else's. It must go back by put.
func (p *Pool) get(ctx context.Context, lane Lane) (*Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	p.lastUse = time.Now()
	for {
		c := p.takeIdleLocked()
		if c == nil {
			break
		}
		if c.alive() {
			p.mu.Unlock()
			return c, nil
		}
		p.dropLocked(c)
	}
	if err := p.knownAwayLocked(time.Now()); err != nil {
		p.mu.Unlock()
		return nil, err
	}
	w := &waiter{lane: lane, since: time.Now(), grant: make(chan grant, 1)}
	p.waiters[lane] = append(p.waiters[lane], w)
	p.serveLocked()
	p.mu.Unlock()

	// A transfer of the same lane holds its connection for a turn at most.
	turns := time.NewTicker(turn / 2)
	defer turns.Stop()
	for {
		select {
		case g := <-w.grant:
			return g.conn, g.err
		case <-turns.C:
			p.mu.Lock()
			if err := p.overdueLocked(w, time.Now()); err != nil && p.withdrawLocked(w) {
				p.mu.Unlock()
				return nil, err
			}
			p.serveLocked()
			p.mu.Unlock()
		case <-ctx.Done():
			p.leave(w)
			return nil, ctx.Err()
		}
	}
}

// leave takes a waiter out of the queue, or passes on what it was given.
func (p *Pool) leave(w *waiter) {
	p.mu.Lock()
	waiting := p.withdrawLocked(w)
	p.mu.Unlock()
	if waiting {
		return
	}
	if g := <-w.grant; g.conn != nil {
		p.put(g.conn)
	}
}

// withdrawLocked takes a waiter out of the queue, if it is still there.
func (p *Pool) withdrawLocked(w *waiter) bool {
	queue := p.waiters[w.lane]
	for i := range queue {
		if queue[i] == w {
			p.waiters[w.lane] = append(queue[:i:i], queue[i+1:]...)
			return true
		}
	}
	return false
}

// takeIdleLocked takes the idle connection that is the quickest to use: a hot
// one, or else the one that was used last.
func (p *Pool) takeIdleLocked() *Conn {
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	best := n - 1
	for i := n - 1; i >= 0; i-- {
		if p.idle[i].hot() {
			best = i
			break
		}
	}
	c := p.idle[best]
	p.idle = append(p.idle[:best], p.idle[best+1:]...)
	return c
}

// put gives a connection back; this is the only place that decides whether it
// is used again. No transfer may be under way on it.
func (p *Pool) put(c *Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.putLocked(c)
}

func (p *Pool) putLocked(c *Conn) {
	if c.broken != nil || p.closed {
		p.dropLocked(c)
		if c.silent {
			p.suspectLocked(c)
		}
		p.serveLocked()
		return
	}
	if w := p.nextWaiterLocked(); w != nil {
		w.grant <- grant{conn: c}
		return
	}
	if p.shouldHeatLocked(c) {
		p.recycling++
		p.work.Go(func() {
			err := c.openData(p.ctx)
			p.mu.Lock()
			defer p.mu.Unlock()
			p.recycling--
			if err != nil {
				p.coldUntil = time.Now().Add(time.Minute)
			}
			p.putLocked(c)
		})
		return
	}
	p.idle = append(p.idle, c)
}

// dropLocked closes a connection for good.
func (p *Pool) dropLocked(c *Conn) {
	delete(p.conns, c)
	if p.closed { // nobody may wait for more work now
		_ = c.wire.Close()
		c.Close()
		return
	}
	p.work.Go(c.Close)
}

// nextWaiterLocked takes the most urgent waiter, and of these the first, out
// of the queue.
func (p *Pool) nextWaiterLocked() *waiter {
	for lane := range p.waiters {
		if queue := p.waiters[lane]; len(queue) > 0 {
			w := queue[0]
			p.waiters[lane] = queue[1:]
			return w
		}
	}
	return nil
}

// Close ends all transfers and connections. It waits for the goroutines of
// the pool, a second at most for goodbyes.
func (p *Pool) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	idle := p.idle
	p.idle = nil
	for _, c := range idle {
		delete(p.conns, c)
		p.work.Go(c.Close)
	}
	for c := range p.conns { // in use: whoever has it finds it broken
		_ = c.wire.Close()
	}
	for s := range p.streams {
		s.cut()
	}
	for w := p.nextWaiterLocked(); w != nil; w = p.nextWaiterLocked() {
		w.grant <- grant{err: ErrClosed}
	}
	p.mu.Unlock()
	p.cancel()
	p.work.Wait()
	return nil
}
