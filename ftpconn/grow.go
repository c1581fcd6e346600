package ftpconn

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

const (
	// turn is how long a transfer keeps its connection while others of the
	// same lane wait.
	turn = time.Second

	// limitMemory is how long a limit that the server showed is believed.
	limitMemory = 2 * time.Minute

	// slowLogin is the time from which on logins are made one by one: some
	// servers spend seconds of CPU on the hash of a password.
	slowLogin = time.Second

	// maxDialing is how many logins may be under way to a server whose logins
	// are quick.
	maxDialing = 8
)

// growth says how many connections may be opened.
type growth struct {
	limit      int       // Config.Connections, or what the server allows
	limitUntil time.Time // when to try more again
	pauseUntil time.Time // after a login that failed for another reason
}

// serveLocked sees to it that those who wait will get a connection: by
// opening more, or by taking some back from less urgent transfers.
func (p *Pool) serveLocked() {
	if p.closed {
		return
	}
	waiting := 0
	for _, queue := range p.waiters {
		waiting += len(queue)
	}
	coming := p.dialing + p.recycling
	for waiting > coming && p.mayDialLocked() {
		p.dialLocked()
		coming++
	}
	if waiting > 0 && p.recycling > 0 && p.dialing == 0 && len(p.conns) < hotIdle && p.mayDialLocked() {
		// Whoever waits for a connection to get back into shape will do so
		// again: short transfers come in series.
		p.dialLocked()
	}
	for _, queue := range p.waiters {
		for _, w := range queue {
			if coming > 0 {
				coming--
				continue
			}
			if !p.preemptLocked(w) {
				return
			}
		}
	}
}

// mayDialLocked says whether another connection may be opened now.
func (p *Pool) mayDialLocked() bool {
	now := time.Now()
	if p.growth.limit < p.cfg.Connections && now.After(p.growth.limitUntil) {
		p.growth.limit++
		p.growth.limitUntil = now.Add(limitMemory)
	}
	if len(p.conns)+p.dialing >= p.growth.limit || now.Before(p.growth.pauseUntil) && len(p.conns) > 0 {
		return false
	}
	facts := p.srv.facts()
	if !facts.known || facts.loginTime > slowLogin {
		return p.dialing == 0
	}
	return p.dialing < maxDialing
}

// dialLocked opens a connection in the background. It goes to whoever waits
// by then: a login that was begun is not wasted when its waiter leaves.
func (p *Pool) dialLocked() {
	p.dialing++
	p.lastID++
	id := p.lastID
	p.work.Go(func() { p.dialAndServe(id) })
}

func (p *Pool) dialAndServe(id int) {
	c, err := dial(p.ctx, &p.cfg, p.srv, id)
	if errors.Is(err, errQueueRefused) {
		c, err = dial(p.ctx, &p.cfg, p.srv, id)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dialing--
	if err == nil {
		p.conns[c] = struct{}{}
		p.outage.over()
		p.putLocked(c)
		p.serveLocked()
		return
	}
	if p.closed {
		return
	}
	if len(p.conns) > 0 || p.dialing > 0 {
		p.learnLimitLocked(err)
		p.serveLocked()
		return
	}
	if wait, again := p.outage.failed(err); again {
		p.dialing++
		p.work.Go(func() {
			select {
			case <-time.After(wait):
			case <-p.ctx.Done():
			}
			p.dialAndServe(id)
		})
		return
	}
	for w := p.nextWaiterLocked(); w != nil; w = p.nextWaiterLocked() {
		w.grant <- grant{err: err}
	}
}

// learnLimitLocked takes a refusal, while other connections work, for the
// server's limit.
func (p *Pool) learnLimitLocked(err error) {
	now := time.Now()
	var refused *Error
	isLimit := errors.As(err, &refused) && (tooMany(refused) || errors.Is(err, ErrLogin)) ||
		errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET)
	if !isLimit {
		p.growth.pauseUntil = now.Add(5 * time.Second)
		return
	}
	if n := max(1, len(p.conns)); n < p.growth.limit {
		p.growth.limit = n
		p.cfg.Logger.Info("the server allows no more connections", "open", n, "reason", err)
	}
	p.growth.limitUntil = now.Add(limitMemory)
}

// preemptLocked makes a transfer that is less urgent than w give up its
// connection, or one of the same lane that has had its turn. It reports
// whether it found one.
func (p *Pool) preemptLocked(w *waiter) bool {
	var victim *stream
	now := time.Now()
	for s := range p.streams {
		lane := s.laneLocked()
		if s.revoked || lane < w.lane {
			continue
		}
		if lane == w.lane && (now.Sub(s.since) < turn || now.Sub(w.since) < turn/2) {
			continue
		}
		if victim == nil || lane > victim.laneLocked() || lane == victim.laneLocked() && s.since.Before(victim.since) {
			victim = s
		}
	}
	if victim == nil {
		return false
	}
	p.revokeLocked(victim)
	return true
}

// spareLocked opens a connection ahead of need while a transfer runs, so that
// a user's next listing does not wait for a login.
func (p *Pool) spareLocked() {
	if !p.closed && len(p.streams) > 0 && len(p.idle) == 0 && p.recycling == 0 && p.dialing == 0 && p.mayDialLocked() {
		p.dialLocked()
	}
}

// Once all connections are lost, the first calls wait while the server may
// come back, patience long; after that calls fail at once, and one login
// after each pause tries whether it is back.
const (
	patience   = 4 * time.Second
	firstPause = 50 * time.Millisecond
	lastPause  = 10 * time.Second
)

// outage is the state of a server that can not be reached.
type outage struct {
	worked  bool      // there was a connection once
	began   time.Time // zero: no outage
	pause   time.Duration
	retryAt time.Time
	reason  error
}

// over notes that the server is there.
func (o *outage) over() { *o = outage{worked: true} }

// failed notes a failed login. It says whether, and after which pause, those
// who wait should go on waiting for another one.
func (o *outage) failed(err error) (wait time.Duration, again bool) {
	if !o.worked || errors.Is(err, context.Canceled) {
		return 0, false // the first login fails at once
	}
	now := time.Now()
	if o.began.IsZero() {
		o.began, o.pause = now, firstPause
	} else {
		o.pause = min(2*o.pause, lastPause)
	}
	o.reason = err
	if !errors.Is(err, ErrTimeout) && now.Sub(o.began)+o.pause < patience {
		return o.pause, true
	}
	o.retryAt = now.Add(o.pause)
	return 0, false
}

// err is the answer to a call that comes while the server is known to be away.
func (o *outage) err(connections int) error {
	if connections > 0 || o.began.IsZero() || time.Now().After(o.retryAt) {
		return nil
	}
	return fmt.Errorf("%w (trying again in %v): %w", ErrUnreachable, time.Until(o.retryAt).Round(time.Second), o.reason)
}
